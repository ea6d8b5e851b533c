"""`jupyterhub-knada check`: what it prints in each form, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from jupyterhub_knada.cli import cli
from jupyterhub_knada.cli.check import to_annotation
from jupyterhub_knada.errors import Code, Problem, Severity
from tests.support.team_files import SEED, write_files

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

WHOLE = "project: knada-gcp\n"
GOOD = SEED + "serviceAccount: kyrre\n"
WRONG_SIZE = "namespace: brreg\nusers: [e1]\nserviceAccount: brreg\nmemoryLimit: 16 X\n"
CONTRADICTION = """\
namespace: brreg
users: [e1]
serviceAccount: brreg
profiles: [{displayName: A, kubespawnerOverride: {mem_guarantee: 8G, mem_limit: 4G}}]
"""
WITHOUT_IDENTITY = "namespace: brreg\nusers: [e1]\n"


def run(*arguments: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="jupyterhub-knada")


@pytest.mark.parametrize(
    ("brreg", "options", "exit_code", "summary"),
    [
        pytest.param(None, [], 0, "1 team, 0 problems, 0 warnings", id="nothing wrong"),
        pytest.param(WRONG_SIZE, [], 1, "2 teams, 1 problem, 0 warnings", id="a problem"),
        pytest.param(WITHOUT_IDENTITY, [], 0, "2 teams, 0 problems, 1 warning", id="a warning"),
        pytest.param(CONTRADICTION, [], 1, "2 teams, 1 problem, 0 warnings", id="a problem of a plan"),
        pytest.param(
            WITHOUT_IDENTITY, ["--strict"], 1, "2 teams, 0 problems, 1 warning", id="a warning, strictly"
        ),
    ],
)
def test_check_ends_with_a_summary_and_its_exit_code(
    tmp_path: Path, brreg: str | None, options: list[str], exit_code: int, summary: str
) -> None:
    """The last line counts teams, problems and warnings; only problems make it fail."""
    teams = {"kyrre": GOOD} | ({"brreg": brreg} if brreg else {})

    result = run("check", write_files(tmp_path, WHOLE, **teams), *options)

    assert result.stdout.splitlines()[-1] == summary
    assert (result.exit_code, result.stderr) == (exit_code, "")


def test_check_text_has_one_line_a_problem(tmp_path: Path) -> None:
    """Each line says where, what, the rule, what to do, and the code."""
    result = run("check", write_files(tmp_path, WHOLE, kyrre=GOOD, brreg=WRONG_SIZE))

    (line, _) = result.stdout.splitlines()
    assert line == (
        "teams/brreg.yaml:4:14: memoryLimit: not a memory size (got '16 X'); a number with K, M, G or T, "
        "also as GB or Gi (1 G = 1024 M); write for example '2G' [KNADA-C013]"
    )


def test_check_json_is_the_documented_form(tmp_path: Path) -> None:
    """The object has all fields of each problem and the number of teams, and nothing else is printed."""
    result = run("check", write_files(tmp_path, WHOLE, kyrre=GOOD, brreg=WRONG_SIZE), "--format", "json")

    assert json.loads(result.stdout) == {
        "problems": [
            {
                "file": "teams/brreg.yaml",
                "line": 4,
                "column": 14,
                "field": "memoryLimit",
                "code": "KNADA-C013",
                "severity": "error",
                "message": "not a memory size (got '16 X')",
                "rule": "a number with K, M, G or T, also as GB or Gi (1 G = 1024 M)",
                "remedy": "write for example '2G'",
            }
        ],
        "teams": 2,
    }
    assert result.exit_code == 1


def test_check_github_names_files_from_the_root_of_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub finds the line although the checked folder is not the repository's root."""
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    write_files(tmp_path / "config", WHOLE, kyrre=GOOD, brreg=WRONG_SIZE)
    monkeypatch.chdir(tmp_path / "config")

    result = run("check", ".", "--format", "github")

    assert result.stdout.splitlines()[0].startswith(
        "::error file=config/teams/brreg.yaml,line=4,col=14,title=KNADA-C013::memoryLimit: not a memory size"
    )


def test_annotation_escapes_what_has_a_meaning_in_a_workflow_command() -> None:
    """Percent signs and line breaks of a message, and commas and colons of a file, stay what they are."""
    problem = Problem("x", 1, 2, "", Code.FILE_NAME, "100%\r\n::error::no", "", "", Severity.WARNING)

    assert to_annotation(problem, file="a,b:c%.yaml") == (
        "::warning file=a%2Cb%3Ac%25.yaml,line=1,col=2,title=KNADA-C007::100%25%0D%0A::error::no"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["{0}/none"], "'{0}/none' is not there.", id="no such folder"),
        pytest.param(
            ["{0}/platform.yaml"],
            "'{0}/platform.yaml' is a file; name the folder that contains teams/.",
            id="a file",
        ),
        pytest.param(
            ["{0}/teams"],
            "'{0}/teams' has no folder teams/; team files are read from DIR/teams/*.yaml. "
            "Name the folder above it: '{0}'.",
            id="the folder of teams itself",
        ),
        pytest.param(
            ["{0}/empty"],
            "'{0}/empty' has no folder teams/; team files are read from DIR/teams/*.yaml, "
            "the platform's from DIR/platform.yaml.",
            id="a folder without teams",
        ),
        pytest.param(
            ["{0}", "--format", "xml"], "'xml' is not one of 'text', 'json', 'github'.", id="no such form"
        ),
        pytest.param([], "Missing argument 'DIR'.", id="no folder"),
    ],
)
def test_check_wrong_use_is_told_with_exit_code_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    """A wrong call is not a problem of a file."""
    write_files(tmp_path, WHOLE)
    (tmp_path / "empty").mkdir()

    result = run("check", *(argument.format(tmp_path) for argument in arguments))

    assert result.exit_code == 2
    assert result.stdout == ""
    assert message.format(tmp_path) in result.stderr.replace("\n", " ")


def test_unknown_command_without_a_near_one_is_wrong_use() -> None:
    """Nothing is suggested for what is like nothing."""
    result = run("xyzzy")

    assert result.exit_code == 2
    assert "No such command 'xyzzy'." in result.stderr


def test_unknown_command_suggests_the_one_that_was_meant() -> None:
    """A slip of the hand is met with the right word."""
    result = run("chek")

    assert result.exit_code == 2
    assert "No such command 'chek'. Did you mean 'check'?" in result.stderr


@pytest.mark.parametrize(
    "command", [[], ["check"], ["explain"], ["schema"]], ids=lambda c: " ".join(c) or "all"
)
def test_help_has_examples_and_exit_codes(command: list[str]) -> None:
    """Every help page shows how it is used and what its exit codes mean."""
    result = run(*command, "--help")

    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert "Exit codes" in result.stdout


def test_team_text_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """Escape sequences of a file are shown, not sent."""
    team = 'namespace: "a\\e[31mb"\nusers: [e1]\nserviceAccount: a\n'

    result = run("check", write_files(tmp_path, WHOLE, kyrre=team))

    assert "\x1b" not in result.stdout
    assert r"\x1b[31m" in result.stdout


COMMAND = [sys.executable, "-c", "from jupyterhub_knada.cli import main; main()"]


def run_process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, check=False, env={**os.environ, **environment}
    )


def test_check_survives_a_locale_that_cannot_show_the_text(tmp_path: Path) -> None:
    """What an ASCII terminal cannot show is escaped; the check goes on."""
    folder = write_files(tmp_path, WHOLE, kyrre="namespace: blåbær\nusers: [e1]\nserviceAccount: a\n")

    result = run_process("check", folder, PYTHONIOENCODING="ascii")

    assert result.returncode == 1
    assert rb"(got 'bl\xe5b\xe6r')" in result.stdout
    assert result.stderr == b""


def test_check_survives_a_reader_that_goes_away(tmp_path: Path) -> None:
    """`check … | head` neither complains nor changes its exit code."""
    users = ", ".join(f"E{number}" for number in range(900))
    folder = write_files(tmp_path, WHOLE, kyrre=f"namespace: kyrre\nusers: [{users}]\n")
    reader, writer = os.pipe()
    os.close(reader)

    result = subprocess.run(
        [*COMMAND, "check", str(folder)], stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)

    assert (result.returncode, result.stderr) == (1, b"")


@pytest.mark.parametrize(
    ("profile", "is_imported"),
    [
        pytest.param("{displayName: A}", False, id="no override"),
        pytest.param("{displayName: A, kubespawnerOverride: {cpu_limit: 2}}", True, id="an override"),
    ],
)
def test_check_imports_kubespawner_only_for_an_override(
    tmp_path: Path,
    profile: str,
    is_imported: bool,  # noqa: FBT001 - a row of the table
) -> None:
    """The slow import is paid only where something has to be asked of KubeSpawner."""
    folder = write_files(tmp_path, WHOLE, kyrre=f"{GOOD}profiles: [{profile}]\n")
    code = (
        "import atexit, sys; from jupyterhub_knada.cli import cli\n"
        "atexit.register(lambda: print('kubespawner' in sys.modules, 'rich' in sys.modules))\n"
        f"cli(['check', {str(folder)!r}])"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert result.stdout.splitlines()[-1] == f"{is_imported} False"
