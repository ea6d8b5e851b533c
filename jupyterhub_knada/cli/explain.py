"""`jupyterhub-knada explain`: what a person may start, what would start, and why."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from jupyterhub_knada.cli.check import load_folder, summary
from jupyterhub_knada.cli.folders import TeamFolder, find_team_folder
from jupyterhub_knada.cli.output import printable, write_line, write_text
from jupyterhub_knada.teams.user_names import normalize_user_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from traitlets.config import Config

EPILOG: Final = """\b
Examples:
  jupyterhub-knada explain config/ --user e152435
  jupyterhub-knada explain config/ --user e152435 --team kyrre --profile big
  jupyterhub-knada explain config/ --user e152435 --group analysts --option cpus=two
  jupyterhub-knada explain config/ --user e152435 | kubectl apply --dry-run=server -f -
\b
Exit codes:
  0  the manifests are on standard output
  1  refused: the sentence that the person would see is on standard error
  2  wrong use: DIR is not there, or an option is not one
"""


@click.command(epilog=EPILOG, short_help="Show what a person may start, and why the server is as it is.")
@click.argument("folder", metavar="DIR", callback=find_team_folder)
@click.option("--user", required=True, metavar="NAME", help="Whose server it would be.")
@click.option("--team", metavar="SLUG", help="Team to choose; not needed by somebody in one team.")
@click.option("--profile", metavar="SLUG", help="Profile to choose; without it the team's default.")
@click.option(
    "--option",
    "options",
    metavar="NAME=VALUE",
    multiple=True,
    help="A choice within the profile; may be given again.",
)
@click.option(
    "--group",
    "groups",
    metavar="GROUP",
    multiple=True,
    help="A group in the person's claim; may be given again. Without any the claim is unknown.",
)
@click.option("--server", "server_name", metavar="NAME", default="", help="A named server.")
@click.option(
    "--hub-namespace",
    metavar="NAME",
    default="jupyterhub",
    show_default=True,
    help="Where the hub itself runs.",
)
@click.option(
    "--hub-config",
    type=click.Path(exists=True, dir_okay=False),
    help="The hub's own configuration, a jupyterhub_config.py: the lowest layer. It is executed.",
)
def explain(folder: TeamFolder, user: str, hub_config: str | None, **asked: Any) -> None:
    """Show what a person may start, what would start, and where each value comes from.

    Standard output is one YAML stream: the offer and the choice as comments, then the finished manifests of
    pod and claim, made by the spawner itself. Neither a hub nor a cluster is asked, so an existing home is
    not searched for, and tokens are left out.
    """
    if not user:
        raise click.BadParameter("a user name is needed.", param_hint="--user")
    options = read_options(asked["team"], asked["profile"], asked["options"])
    config = read_config(hub_config) if hub_config else None
    # Here, not above: KubeSpawner costs over a second, which wrong use need not pay for.
    from jupyterhub_knada.cli.explanations import (  # noqa: PLC0415
        tell_choice,
        tell_dropped,
        tell_manifests,
        tell_offer,
    )
    from jupyterhub_knada.servers.offer import build_offer  # noqa: PLC0415
    from jupyterhub_knada.servers.preview import Preview, PreviewRequest, preview_server  # noqa: PLC0415
    from jupyterhub_knada.teams.reloading import build_snapshot  # noqa: PLC0415

    loaded = load_folder(folder)
    snapshot = build_snapshot(None, loaded)
    request = PreviewRequest(
        user=normalize_user_name(user),
        groups=asked["groups"] or None,
        options=options or None,
        server_name=asked["server_name"],
        hub_namespace=asked["hub_namespace"],
        hub_config=config,
    )
    offer = build_offer(request.user, request.groups, snapshot, datetime.now(tz=UTC).date())
    write_line(tell_offer(offer))
    preview = preview_server(snapshot, request)
    if not isinstance(preview, Preview):
        if loaded.has_errors:
            click.echo(f"{summary(loaded)}: see `jupyterhub-knada check {folder.directory}`.", err=True)
        click.echo(printable(str(preview)), err=True)
        sys.exit(1)
    for sentence in tell_dropped(preview, sorted(options.keys() - {"team", "profile"})):
        click.echo(printable(sentence), err=True)
    write_line(tell_choice(preview))
    write_text(tell_manifests(preview))


def read_options(team: str | None, profile: str | None, pairs: Iterable[str]) -> dict[str, str]:
    """Give the start options as they would come by REST.

    Raises:
        BadParameter: a pair without `=`, or one that has an option of its own.
    """
    options: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE.", param_hint="--option")
        if name in {"team", "profile"}:
            raise click.BadParameter(f"write --{name} {value}", param_hint="--option")
        options[name] = value
    named = {"team": team, "profile": profile}
    return {**{name: value for name, value in named.items() if value is not None}, **options}


def read_config(file: str) -> Config:
    """Run a hub's configuration file and give what it sets.

    Raises:
        UsageError: whatever the file raises.
    """
    from traitlets.config.loader import PyFileConfigLoader  # noqa: PLC0415 - only this option needs it

    path = Path(file).absolute()
    try:
        config: Config = PyFileConfigLoader(path.name, path=str(path.parent)).load_config()
    except Exception as error:  # anybody's code
        raise click.UsageError(f"{file} failed: {type(error).__name__}: {printable(str(error))}") from error
    return config
