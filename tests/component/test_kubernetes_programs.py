"""Which real clusters the contract suite gets, and that none of them outlives its run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kubernetes.__main__ import main
from tests.kubernetes.clusters import named_clusters
from tests.kubernetes.fake_nodes import get_kwok
from tests.kubernetes.processes import Processes
from tests.kubernetes.programs import NAMES, find, get
from tests.kubernetes.refusals import NoClusterError
from tests.kubernetes.versions import ETCD, KUBERNETES, KWOK
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBEBUILDER_ASSETS", "KNADA_TEST_CLUSTERS", "KNADA_TEST_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def _program(folder: Path, name: str, prints: str = "", script: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    script = script or f"echo '{prints}'"
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, [], id="nothing: the embedded cluster alone"),
        pytest.param({"KNADA_TEST_CLUSTERS": "oldest"}, ["oldest"], id="a name"),
        pytest.param({"KNADA_TEST_CLUSTERS": "auto"}, ["newest", "oldest"], id="what is built"),
        pytest.param({"KNADA_TEST_CLUSTERS": "auto", "KUBEBUILDER_ASSETS": "/b"}, ["assets"], id="programs"),
        pytest.param(
            {"KNADA_TEST_CLUSTERS": "auto", "KUBEBUILDER_ASSETS": "/b", "KUBECONFIG": "/c"},
            ["given"],
            id="a cluster before programs",
        ),
        pytest.param(
            {"KNADA_TEST_CLUSTERS": "newest, mine=/d", "KUBECONFIG": "/c"},
            ["newest", "mine"],
            id="both kinds",
        ),
    ],
)
def test_clusters_are_taken_in_the_known_order(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: list[str]
) -> None:
    """KUBECONFIG, else KUBEBUILDER_ASSETS, else what is built; what is named is named."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert list(named_clusters()) == expected


def test_cluster_of_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name does not quietly run less."""
    monkeypatch.setenv("KNADA_TEST_CLUSTERS", "oldes")
    with pytest.raises(NoClusterError, match="'oldes' is none of newest, oldest, assets, given, auto"):
        named_clusters()


def test_programs_given_are_preferred_and_completed_by_built_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder of envtest has no controllers: they come from the cache, in the same version."""
    given, built = tmp_path / "assets", tmp_path / "cache/jupyterhub-knada/kubernetes"
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(given))
    _program(given, "kube-apiserver", "Kubernetes v1.34.1")
    _program(given, "etcd")
    _program(built / "1.34.1", "kube-scheduler")
    programs = find("assets")
    assert programs.version == "1.34.1"
    assert programs["etcd"] == str(given / "etcd")
    assert programs["kube-scheduler"] == str(built / "1.34.1/kube-scheduler")
    assert programs.missing() == ["kube-controller-manager", "kubectl"]
    assert find("newest").missing() == list(NAMES)


_GO = "install Go 1.26 or newer (https://go.dev/dl/)"


@pytest.mark.parametrize(
    ("go", "reason"),
    [
        pytest.param(None, "there is no Go to build with", id="no Go"),
        pytest.param("echo go1.25.3", "{} is go1.25.3, too old to build with", id="an old Go"),
        pytest.param(
            "echo devel go1.25-abc", "{} is devel go1.25-abc, too old to build with", id="one by hand"
        ),
        pytest.param("exit 2", "`{} env GOVERSION` fails (exit code 2)", id="a Go that fails"),
    ],
)
def test_programs_that_cannot_be_built_are_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, go: str | None, reason: str
) -> None:
    """What is missing, why it is not built and what to do, before anything is begun."""
    if go:
        _program(tmp_path / "bin", "go", script=go)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(NoClusterError) as caught:
        get("oldest", pytest.fail)
    assert str(caught.value) == (
        f"For Kubernetes {KUBERNETES['oldest']} these programs are missing: {', '.join(NAMES)}. They can be "
        f"built, but {reason.format(tmp_path / 'bin/go')}: {_GO}, or set KUBEBUILDER_ASSETS to a folder with "
        "all of them in this version."
    )


@pytest.mark.parametrize(
    ("clusters", "has_assets", "ways"),
    [
        pytest.param(
            "auto",
            False,
            "set KUBEBUILDER_ASSETS to a folder with all of them, of any version, or set KUBECONFIG to the "
            "file of a test cluster",
            id="chosen by what is set",
        ),
        pytest.param(
            "auto",
            True,
            "put them into {}, or set KUBECONFIG to the file of a test cluster",
            id="programs given",
        ),
        pytest.param(
            "newest",
            False,
            "or set KUBEBUILDER_ASSETS to a folder with all of them in this version",
            id="named, where KUBECONFIG would be of no use",
        ),
        pytest.param("assets", True, "or put them into {}", id="named programs"),
    ],
)
def test_programs_that_cannot_be_built_have_the_other_ways_of_their_caller(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    clusters: str,
    *,
    has_assets: bool,
    ways: str,
) -> None:
    """Nobody is sent to what they have set, or to what would not be read."""
    given = tmp_path / "assets"
    for name in ("kube-apiserver", "etcd", "kubectl"):
        _program(given, name, "Kubernetes v1.34.1")
    if has_assets:
        monkeypatch.setenv("KUBEBUILDER_ASSETS", str(given))
    monkeypatch.setenv("KNADA_TEST_CLUSTERS", clusters)
    monkeypatch.setenv("PATH", "")
    assert main(["get"]) == 1
    told = capsys.readouterr().err
    assert told.endswith(f"{_GO}, {ways.format(given)}.\n")
    is_named = "1.34.1 these programs are missing: kube-controller-manager, kube-scheduler." in told
    assert is_named is has_assets


def test_programs_that_are_there_are_not_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A second run needs no Go."""
    built = tmp_path / "cache/jupyterhub-knada/kubernetes"
    for name in NAMES:
        _program(built / (f"etcd-{ETCD}" if name == "etcd" else KUBERNETES["newest"]), name)
    monkeypatch.setenv("PATH", "")
    assert get("newest", pytest.fail).missing() == []


@pytest.mark.parametrize(
    ("folder", "has_stages", "is_found"),
    [
        pytest.param("assets", True, True, id="given"),
        pytest.param("assets", False, False, id="given without its stages"),
        pytest.param(f"cache/jupyterhub-knada/kubernetes/kwok-{KWOK}", True, True, id="built"),
        pytest.param(
            "cache/jupyterhub-knada/kubernetes/kwok-0.1.0", True, False, id="built in another version"
        ),
    ],
)
def test_kwok_is_taken_in_the_order_of_the_other_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str, *, has_stages: bool, is_found: bool
) -> None:
    """Given, else built before; else it would be built, for which one line says what is missing."""
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    _program(tmp_path / folder, "kwok")
    if has_stages:
        (tmp_path / folder / "kwok-stages.yaml").touch()
    monkeypatch.setenv("PATH", "")
    if is_found:
        assert get_kwok(pytest.fail).program == tmp_path / folder / "kwok"
    else:
        with pytest.raises(NoClusterError, match=r"`kwok-stages.yaml` into the folder of KUBEBUILDER_ASSETS"):
            get_kwok(pytest.fail)


def test_kwok_is_none_of_the_programs_that_the_suite_gets() -> None:
    """It is for benchmarks: `make kubernetes` does not wait for it."""
    assert "kwok" not in NAMES


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["run", "nope"], "'nope' is none of newest, oldest, assets.", id="a misspelt name"),
        pytest.param(["get", "oldest"], "python -m tests.kubernetes get ", id="a name where none is taken"),
        pytest.param([], "python -m tests.kubernetes run [newest] ", id="nothing"),
    ],
)
def test_wrong_words_are_told_what_is_right(
    capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    """Which names there are, or which commands; nothing is started."""
    assert main(words) == 2
    assert told in capsys.readouterr().err


def test_contract_suite_without_its_cluster_fails(tmp_path: Path) -> None:
    """A cluster that is asked for and not there is a failure that says what to do, not a skip."""
    environment = os.environ | {"KNADA_TEST_CLUSTERS": "oldest", "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/contract"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"kube-apiserver {KUBERNETES['oldest']} is not there: run `make kubernetes`" in done.stderr


def _is_running(pid: int) -> bool:
    """Tell whether a process lives: one that nobody has waited for is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_processes_of_a_killed_run_are_killed(tmp_path: Path) -> None:
    """SIGKILL of the run leaves nothing behind, although nothing of the run could see to that."""
    code = (
        "import sys, time; from pathlib import Path; from tests.kubernetes.processes import Processes\n"
        "processes = Processes(Path(sys.argv[1]))\n"
        "processes.start('child', 'sh', '-c', 'echo $$; exec sleep 600')\n"
        "time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    run = subprocess.Popen(command, cwd=ROOT)  # noqa: ASYNC220  it is back before it could block anything
    log = tmp_path / "child.log"

    async def has_begun() -> bool:
        return log.exists() and log.read_text(encoding="ascii").endswith("\n")

    try:
        await eventually(has_begun)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    child = int(log.read_text(encoding="ascii"))

    async def is_gone() -> bool:
        return not _is_running(child)

    await eventually(is_gone)


def test_processes_end_in_the_opposite_order_with_their_block(tmp_path: Path) -> None:
    """The API server goes before its etcd, also one that was started again."""
    ended = tmp_path / "ended"
    script = f"trap 'echo $0 >> {ended}; exit' TERM; echo begun; while true; do sleep 0.01; done"
    with Processes(tmp_path) as processes:
        for name in ("first", "second"):
            processes.start(name, "sh", "-c", script, name, parting=signal.SIGTERM)
        processes.kill("first")
        processes.start_again("first")
        _wait_for_words(processes, "first", "second")
    assert ended.read_text(encoding="ascii").split() == ["second", "first"]


def test_process_started_again_is_known_by_its_new_words(tmp_path: Path) -> None:
    """What a program said before it was killed does not count as a word of the next one."""
    with Processes(tmp_path) as processes:
        processes.start("one", "sh", "-c", "echo $$; exec sleep 600")
        _wait_for_words(processes, "one")
        first = processes.words("one")
        processes.kill("one")
        assert processes.has_ended("one")
        processes.start_again("one")
        _wait_for_words(processes, "one")
        assert processes.words("one") == f"{processes.pid('one')}\n" != first


def _wait_for_words(processes: Processes, *names: str) -> None:
    deadline = time.monotonic() + 30
    while not all(processes.words(name).endswith("\n") for name in names):
        assert time.monotonic() < deadline
        time.sleep(0.01)
