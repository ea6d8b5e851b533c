"""The `jupyterhub-knada` command. Each subcommand is a module of its own, loaded when it is called."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

import click

COMMANDS = ("check", "explain", "explain-code", "schema", "demo")
"""Subcommands in the order of the help: the command `x-y` is `jupyterhub_knada.cli.x_y.x_y`."""

EPILOG = """\b
Examples:
  jupyterhub-knada check config/             every problem of config/teams/*.yaml
  jupyterhub-knada explain config/ --user e152435
                                             what this person may start, and the pod
  jupyterhub-knada explain-code KNADA-C023   what a code means, and what to do
  jupyterhub-knada schema team > team.json   JSON Schema for your editor
  jupyterhub-knada demo                      a hub with sample teams on this machine
\b
Exit codes of all commands:
  0  done; warnings do not count
  1  something has errors: problems in files, or a refusal
  2  wrong use: an unknown option, a folder that is not there
"""


class LazyGroup(click.Group):
    """A group that imports a subcommand's module only when it is called or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Give the names of all subcommands. Source: click.Group.list_commands."""
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a subcommand, or suggest the one that was meant. Source: click.Group.resolve_command."""
        if args and args[0] not in COMMANDS and (near := get_close_matches(args[0], COMMANDS, n=1)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Load one subcommand; None if there is none of this name. Source: click.Group.get_command."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"{__name__}.{name}"), name)
        if not isinstance(command, click.Command):  # pragma: no cover - a programming error
            raise TypeError(f"{__name__}.{name}.{name} is no click command")
        return command


@click.command(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
@click.version_option(package_name="jupyterhub-knada", message="%(prog)s %(version)s")
def cli() -> None:
    """Check and explain the team files of a JupyterHub for many teams."""


def main() -> None:
    """Run the command line. Source: `[project.scripts]` of pyproject.toml."""
    cli(prog_name="jupyterhub-knada")
