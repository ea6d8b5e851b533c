"""The demo before it starts anything: what it refuses, and the files that it brings."""

from __future__ import annotations

import socket
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

from jupyterhub_knada.cli import cli
from jupyterhub_knada.cli import demo as demo_module
from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.teams.loading import load_files

if TYPE_CHECKING:
    import pytest
    from click.testing import Result

SAMPLES = Path(demo_module.__file__).parent / "files"


def run_demo(state: Path, *options: str) -> Result:
    """Run the command as people do, by the program.

    A command that is run by itself keeps a help option of its own for good (click 8.1.8 and newer), and the
    reference of commands, made in the same process, would show it.
    """
    return CliRunner().invoke(
        cli, ["demo", "--state-dir", str(state), *options], prog_name="jupyterhub-knada"
    )


def test_demo_on_another_system_says_so_and_stops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only Linux has what the embedded cluster's node is made of."""
    monkeypatch.setattr(sys, "platform", "darwin")
    result = run_demo(tmp_path / "state")
    assert result.exit_code == 2
    assert "The demo runs on Linux only" in result.output
    assert not (tmp_path / "state").exists()


def test_demo_without_its_extra_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A plain installation has no JupyterLab; the command says which extra brings it."""
    monkeypatch.setattr(demo_module, "find_spec", lambda name: None if name == "jupyterlab" else name)
    result = run_demo(tmp_path / "state")
    assert result.exit_code == 2
    assert "not installed here: jupyterlab" in " ".join(result.output.split())
    assert "jupyterhub-knada[demo]" in result.output
    assert not (tmp_path / "state").exists()


def test_demo_in_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """A state folder below a file is no place for state; one sentence says it, no traceback."""
    (tmp_path / "file").touch()
    result = run_demo(tmp_path / "file" / "state")
    assert result.exit_code == 2
    assert "which cannot be written (Not a directory" in " ".join(result.output.split())
    assert "--state-dir" in result.output


def test_demo_on_a_taken_port_makes_nothing(tmp_path: Path) -> None:
    """Whoever only has to choose another port finds no folder with passwords afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_demo(tmp_path / "state", "--port", str(port))
    assert result.exit_code == 2
    assert f"Port {port} of 127.0.0.1 is in use" in " ".join(result.output.split())
    assert not (tmp_path / "state").exists()


def test_sample_files_are_without_a_problem_and_without_a_warning() -> None:
    """What people learn from is a model; that its images are old one day is not asked here."""
    loaded = load_files(
        SAMPLES / "teams",
        SAMPLES / "platform.yaml",
        check_override=check_override,
        today=date(2026, 12, 1),
    )
    assert [str(problem) for problem in loaded.problems] == []
    assert sorted(loaded.teams) == ["analyse", "modell", "pensjon"]
