"""The ends of what is supported: the oldest and the newest versions, on the Pythons that are there.

`nox` runs all, `nox -s oldest` one; arguments behind `--` go to pytest.
`make test` runs what constraints.txt pins.
"""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True

# 3.14 is what zero-to-jupyterhub's hub image runs.
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
# nox installs with uv; pip is there because servers on the local node have that of this environment.
DEV = ("pip>=25.1", "--group", "test", "-e", ".[demo]")


@nox.session
def oldest(session: nox.Session) -> None:
    """Run the tests with the oldest versions that pyproject.toml allows, on the Python that nox runs on."""
    session.install("--resolution", "lowest-direct", *DEV)
    session.run("python", "tests/prepare.py")
    # Old versions warn of what newer ones mended; what they do is what counts here.
    # A task or a generator that is left to the garbage collector is no such warning.
    unraisable = "error::pytest.PytestUnraisableExceptionWarning"
    session.run("python", "-m", "pytest", "-W", "ignore", "-W", unraisable, *session.posargs)


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    """Run the tests with the newest versions that are published, pre-releases not counted."""
    session.install("--upgrade", *DEV)
    session.run("python", "tests/prepare.py")
    session.run("python", "-m", "pytest", *session.posargs)
