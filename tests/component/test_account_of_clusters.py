"""The last lines of a run tell how many tests ran on each cluster, and fail it where one ran fewer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_CONFTEST = """
import pytest
from tests.conftest import pytest_itemcollected
from tests.support.account import Account, asked_backends, name_version

def pytest_configure(config):
    config.pluginmanager.register(Account())

@pytest.fixture(scope="session", params=asked_backends())
def backend(request):
    name_version(request.config, request.param, "1.2.3")
    return request.param
"""
_TESTS = """
import pytest

def test_one(backend):
    pass

@pytest.fixture
def prepared(backend):
    assert backend != {broken_on!r}

def test_two(backend, prepared):
    if backend == {skipped_on!r}:
        pytest.skip("not here")

@pytest.mark.parametrize("backend", ["embedded"], indirect=True)
def test_of_one_cluster(backend):
    pass
"""
_IN_TWO = ("-p", "xdist", "-n", "2")
_GROUPED = ("--dist", "loadgroup", "--no-loadscope-reorder")
"""As the Makefile has it."""
_TWO = "embedded (1.2.3): 2 passed; real (1.2.3): 2 passed"


def _run(
    folder: Path, words: list[str], skipped_on: str = "", clusters: str = "", broken_on: str = ""
) -> tuple[int, str]:
    """Run a suite, on two clusters if nothing else is said; give the exit code and what it wrote."""
    suite, cluster = folder / "suite", folder / "cluster"
    suite.mkdir()
    cluster.mkdir()
    (cluster / "admin.kubeconfig").touch()
    (suite / "conftest.py").write_text(_CONFTEST, encoding="utf-8")
    tests = _TESTS.format(skipped_on=skipped_on, broken_on=broken_on)
    (suite / "test_it.py").write_text(tests, encoding="utf-8")
    env = {**os.environ, "KNADA_TEST_CLUSTERS": clusters or f"real={cluster}", "PYTHONPATH": str(ROOT)}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # loading them takes longer than the tests
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder), *words, str(suite)]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("words", [[], [*_IN_TWO, *_GROUPED]], ids=["in one process", "in two"])
def test_account_names_each_cluster_with_its_version_and_tests(tmp_path: Path, words: list[str]) -> None:
    """Whichever processes ran the tests; one that chooses its cluster does not count.

    In two processes it passes only where pytest-xdist keeps the groups that our conftest makes.
    """
    code, printed = _run(tmp_path, words)
    assert (code, f"suite: {_TWO}\n" in printed) == (0, True), printed
    assert "5 passed" in printed


@pytest.mark.parametrize(
    ("words", "skipped_on", "told"),
    [
        pytest.param(
            [], "real", "embedded (1.2.3): 2 passed; real (1.2.3): 1 passed, 1 skipped", id="a skip"
        ),
        pytest.param(
            ["-k", "embedded"],
            "",
            "embedded (1.2.3): 2 passed; real (not started): no test",
            id="a cluster without tests",
        ),
    ],
)
def test_account_fails_a_run_that_is_not_the_same_everywhere(
    tmp_path: Path, words: list[str], skipped_on: str, told: str
) -> None:
    """A run in which nothing failed fails nevertheless where a cluster was promised and not tested."""
    code, printed = _run(tmp_path, words, skipped_on)
    assert (code, f"suite: {told}\n" in printed) == (1, True), printed
    assert "suite: not every test ran on every cluster." in printed


def test_account_fails_a_run_that_starts_a_cluster_twice(tmp_path: Path) -> None:
    """Tests of one cluster in several processes are a cluster for each; nothing else would tell."""
    code, printed = _run(tmp_path, [*_IN_TWO, "--dist", "each"])
    assert code == 1, printed
    assert "suite: its tests on one cluster ran in several processes; --dist loadgroup keeps" in printed


def test_account_names_no_second_process_where_a_fixture_fails(tmp_path: Path) -> None:
    """A test that never began ran where the others did."""
    code, printed = _run(tmp_path, [*_IN_TWO, *_GROUPED], broken_on="real")
    told = "embedded (1.2.3): 2 passed; real (1.2.3): 1 failed, 1 passed"
    assert (code, f"suite: {told}\n" in printed) == (1, True), printed
    assert "several processes" not in printed


@pytest.mark.parametrize(("variable", "name"), [("KUBECONFIG", "given"), ("KUBEBUILDER_ASSETS", "assets")])
def test_account_tells_of_a_cluster_that_is_named_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    """Whoever has set it may think that it was tested; who has not reads nothing of it."""
    told = f"{variable} is set, and no test ran on what it names: KNADA_TEST_CLUSTERS={name} has"
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    (tmp_path / "silent").mkdir()
    assert " is set, and no test ran " not in _run(tmp_path / "silent", [])[1]
    monkeypatch.setenv(variable, str(tmp_path / "config"))
    code, printed = _run(tmp_path, [])
    assert (code, printed.count(told)) == (0, 1), printed


def test_account_ends_a_run_for_a_cluster_that_is_none_in_one_line(tmp_path: Path) -> None:
    """Before each worker and each folder of tests says so in a stack of its own."""
    code, printed = _run(tmp_path, [*_IN_TWO, *_GROUPED], clusters="nwest")
    assert code == pytest.ExitCode.USAGE_ERROR, printed
    (line,) = printed.strip().splitlines()
    assert "KNADA_TEST_CLUSTERS: 'nwest' is none of newest, oldest" in line
