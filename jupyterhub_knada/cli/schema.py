"""`jupyterhub-knada schema`: JSON Schema of the two kinds of files, for an editor."""

from __future__ import annotations

import json
from typing import Final

import click

from jupyterhub_knada.cli.output import write_line

EPILOG: Final = """\b
Examples:
  jupyterhub-knada schema team > team.schema.json
  jupyterhub-knada schema platform > platform.schema.json
\b
In VS Code (extension "YAML") and every other editor that runs yaml-language-server,
put this on top of each file of teams/, with the path from that file to the schema:
  # yaml-language-server: $schema=../team.schema.json
\b
Exit codes:
  0  written
  2  wrong use
"""

_FILES: Final = {"team": "teams/*.yaml", "platform": "platform.yaml"}
_PATHS: Final = {"team": "../team.schema.json", "platform": "platform.schema.json"}


@click.command(epilog=EPILOG, short_help="Write JSON Schema for your editor.")
# Named, because click 8.2 shows a choice with a default in two pairs of brackets and later ones in one.
@click.argument("kind", type=click.Choice(["team", "platform"]), default="team", metavar="[team|platform]")
def schema(kind: str) -> None:
    """Write the JSON Schema of a team file (the default) or of platform.yaml to standard output.

    With it an editor completes keys, shows what they mean, and marks what is invalid.
    """
    # Here, not above: `--help` need not pay for pydantic.
    from jupyterhub_knada.teams.json_schema import platform_schema, team_schema  # noqa: PLC0415

    made = team_schema() if kind == "team" else platform_schema()
    # ASCII only, as every locale and editor reads it.
    write_line(json.dumps({"$comment": usage(kind), **made}, indent=2))
    click.echo(usage(kind), err=True)


def usage(kind: str) -> str:
    """Say in one line how an editor is made to use the schema."""
    name = _PATHS[kind].rpartition("/")[2]
    line = f"# yaml-language-server: $schema={_PATHS[kind]}"
    return f"Save this as {name} and put this line on top of {_FILES[kind]}: {line}"
