"""What the demo prints when it is ready."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyterhub_knada.cli.demo.running import Demo

PEOPLE = (
    ("anna", "in two teams: Analyse (she leads it) and Pensjon"),
    ("per", "in Analyse and Modell, which has a GPU profile that cannot be scheduled here"),
    ("kari", "in Pensjon and Modell"),
    ("ola", "in no team: see how he is refused"),
    ("admin", "in no team, but sees and stops everybody's servers"),
)


def welcome(demo: Demo) -> str:
    """Give the text: where it is, who can sign in, what to try, where the files lie, how to stop."""
    teams = shown(demo.folder.teams)
    people = "\n".join(f"    {name:5} {told}" for name, told in PEOPLE)
    return f"""
JupyterHub with jupyterhub-knada: {demo.url}   (DEMO: this machine only, no isolation between servers)

  Sign in with one of these names; the password of all is: {demo.folder.password}
  (only admin has another one: {demo.folder.admin_password})
{people}

  Three things to try, in any order
    1. Sign in as anna, start Pensjon / Standard, and in a notebook run:
         import os; os.environ["KNADA_TEAM_SECRET"], os.environ["MEM_LIMIT"]
    2. Change memoryLimit in {teams / "pensjon.yaml"}. As anna, open a second server's page,
         {demo.url}/hub/spawn/anna/second
       which offers the new size; a server that runs keeps its own until it is started anew.
       Make a mistake in the file: {_command()} check {shown(demo.folder.root)}
    3. Sign in as per, start Modell / GPU, and read why it does not come up.

  People may have several servers, of one team at a time: {demo.url}/hub/home
  Admin sees all of them: {demo.url}/hub/admin

  The REST API, as anna (the token is good for a day; it is shown here only):
    curl -H "Authorization: token {demo.token}" {demo.url}/hub/api/users/anna

  Team files: {teams}/ and {shown(demo.folder.platform_file)}   Logs: {shown(demo.folder.logs)}/
  Stop: Ctrl-C. Homes and team files stay in {shown(demo.folder.root)}/; delete it to begin anew.
"""


def _command() -> str:
    """Give how this very program is called from here: `make demo` does not put it on the PATH."""
    program = Path(sys.executable).with_name("jupyterhub-knada")
    return program.name if shutil.which(program.name) == str(program) else str(shown(program))


def shown(path: Path) -> Path:
    """Give a path as short as it can be typed from here."""
    return Path(os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else path
