"""The page of commands: what `--help` of each says."""

from __future__ import annotations

from typing import Final

import click

from docs.generator.markdown import code, literal, page, section
from jupyterhub_knada.cli import cli
from jupyterhub_knada.culling.__main__ import main as culler

PROGRAM: Final = "jupyterhub-knada"
CULLER: Final = "python -m jupyterhub_knada.culling"
COLUMNS: Final = 100
"""As wide as a terminal that shows the examples without a break."""


def commands() -> dict[str, click.Context]:
    """Give the program and its subcommands by how they are called, in the order of the help."""
    program = _context(cli, PROGRAM)
    found = {name: cli.get_command(program, name) for name in cli.list_commands(program)}
    subcommands = {
        f"{PROGRAM} {name}": _context(command, name, program)
        for name, command in found.items()
        if command is not None
    }
    return {PROGRAM: program, **subcommands}


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    settings = {**command.context_settings, "terminal_width": COLUMNS, "max_content_width": COLUMNS}
    return click.Context(command, parent, info_name=name, **settings)


def render_commands() -> str:
    """Render a section for each command, headed by how it is called."""
    return page(
        "Commands",
        "What each command prints with `--help`.",
        *(section(2, literal(call), _help(context)) for call, context in commands().items()),
        section(
            2,
            literal(CULLER),
            "JupyterHub starts this one; `configure()` adds it as a managed service.\n"
            "Its settings are read from the hub's environment.",
            _help(_context(culler, CULLER)),
        ),
    )


def _help(context: click.Context) -> str:
    lines = context.command.get_help(context).splitlines()
    return code("\n".join(line.rstrip() for line in lines), "text")
