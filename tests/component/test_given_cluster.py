"""The cluster of KUBECONFIG: what is wrong with it is one line, before any test runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socketserver
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kubernetes.clusters import check, make_ready
from tests.kubernetes.control_plane import CONTEXT
from tests.kubernetes.given import ask_version, given_cluster
from tests.kubernetes.refusals import NoClusterError
from tests.support.backends import EMBEDDED, Backend, running
from tests.support.kubernetes_api import Kubeconfig
from tests.support.shipped_rights import apply, make_hub_account

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
_CONFIG = """
current-context: mine
contexts: [{name: mine, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "%s"}}]
users: [{name: u, user: {token: "t"}}]
"""
_DEAD = "https://127.0.0.1:1"


def _http(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


@contextlib.contextmanager
def _answering(reply: bytes) -> Iterator[str]:
    """Give the address of what says the same to everybody."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the file that KUBECONFIG names, which nobody has written yet."""
    path = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.delenv("KNADA_TEST_CONTEXT", raising=False)
    return path


@pytest.fixture
def is_allowed(monkeypatch: pytest.MonkeyPatch, kubeconfig: Path) -> None:  # noqa: ARG001 - which unsets it
    """Let the tests have the context `mine`, wherever it is."""
    monkeypatch.setenv("KNADA_TEST_CONTEXT", "mine")


@pytest.mark.usefixtures("is_allowed")
def test_given_cluster_that_answers_is_told_with_its_version(kubeconfig: Path) -> None:
    """Before the tests begin one knows on what."""
    with _answering(_http("200 OK", '{"gitVersion": "v1.34.1"}')) as address:
        kubeconfig.write_text(_CONFIG % address, encoding="utf-8")
        told = make_ready("given", None, pytest.fail)
    assert told == f"given: Kubernetes 1.34.1, {address} of {kubeconfig}"


@pytest.mark.usefixtures("is_allowed")
@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        pytest.param(
            _http("401 Unauthorized", '{"kind": "Status"}'),
            "answers 401: it does not let that context's user in",
            id="a wrong token",
        ),
        pytest.param(
            _http("200 OK", "<html>"), "answers 200 and no version: it is no Kubernetes", id="a web page"
        ),
        pytest.param(
            _http("404 Not Found", "[]"), "answers 404 and no version: it is no Kubernetes", id="another API"
        ),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", "cannot be asked", id="no HTTP"),
        pytest.param(b"", "cannot be reached: ", id="nothing"),
    ],
)
def test_given_cluster_that_is_none_is_refused_in_one_line(
    kubeconfig: Path, reply: bytes, sentence: str
) -> None:
    """One request tells; without it every test would fail with its own stack."""
    with _answering(reply) as address:
        kubeconfig.write_text(_CONFIG % address, encoding="utf-8")
        for asked in (lambda: make_ready("given", None, pytest.fail), lambda: check("given", None)):
            with pytest.raises(NoClusterError) as refused:
                asked()
            assert str(refused.value).startswith(f"{address} of {kubeconfig}, context mine, {sentence}")
            assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(_CONFIG % "localhost", id="an address without a scheme"),
        pytest.param((_CONFIG % _DEAD).replace('"t"', r'"se\ncret"'), id="a token of two lines"),
    ],
)
def test_given_cluster_that_cannot_be_asked_is_told_without_its_token(kubeconfig: Path, text: str) -> None:
    """What is malformed is not quoted: it may be the token."""
    kubeconfig.write_text(text, encoding="utf-8")
    with pytest.raises(NoClusterError, match="cannot be asked: is the address right") as refused:
        ask_version(Kubeconfig.load(kubeconfig))
    assert "cret" not in str(refused.value)


@pytest.mark.usefixtures("is_allowed")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        pytest.param(("-m", "tests.kubernetes", "get"), 1, id="make contract"),
        pytest.param(
            ("-m", "pytest", "-p", "no:cacheprovider", "tests/contract"),
            pytest.ExitCode.USAGE_ERROR,
            id="the suite alone",
        ),
    ],
)
def test_given_cluster_that_is_dead_ends_the_run_before_its_tests(
    kubeconfig: Path, command: tuple[str, ...], code: int
) -> None:
    """One line and an exit code, and nothing that looks ready."""
    kubeconfig.write_text(_CONFIG % _DEAD, encoding="utf-8")
    environment = os.environ | {"KNADA_TEST_CLUSTERS": "given"}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    told = f"{_DEAD} of {kubeconfig}, context mine, cannot be reached: Connection refused."
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert "given:" not in done.stdout


@pytest.mark.parametrize(
    ("context", "address", "why"),
    [
        pytest.param("kind-mine", "https://127.0.0.1:6443", None, id="kind"),
        pytest.param("k3d-mine", "https://localhost:6443", None, id="k3d"),
        pytest.param(CONTEXT, "https://127.0.0.1:6443", None, id="python -m tests.kubernetes run"),
        pytest.param(
            "prod", "https://127.0.0.1:6443", "may be a tunnel to another machine", id="an ssh tunnel"
        ),
        pytest.param("prod", "http://127.0.0.1:8001", "may not be on this machine", id="kubectl proxy"),
        pytest.param(
            "kind-mine", "http://127.0.0.1:8001", "may not be on this machine", id="a proxy of a known name"
        ),
        pytest.param("kind-mine", "https://k8s.example.org", "may not be on this machine", id="elsewhere"),
        pytest.param(
            "minikube", "https://127.0.0.1.example.org:1", "may not be on this machine", id="a look-alike"
        ),
    ],
)
def test_given_cluster_is_refused_where_it_may_be_elsewhere(
    monkeypatch: pytest.MonkeyPatch, kubeconfig: Path, context: str, address: str, why: str | None
) -> None:
    """The suite deletes what it finds in its way: never in the cluster one happens to be logged in to."""
    kubeconfig.write_text((_CONFIG % address).replace("mine", context), encoding="utf-8")
    if why:
        with pytest.raises(NoClusterError, match=rf"{why}.*: if .*, set KNADA_TEST_CONTEXT={context}\.$"):
            given_cluster()
    else:
        assert given_cluster() == kubeconfig
    monkeypatch.setenv("KNADA_TEST_CONTEXT", context)
    assert given_cluster() == kubeconfig
    monkeypatch.setenv("KNADA_TEST_CONTEXT", "another")
    with pytest.raises(NoClusterError, match="while KNADA_TEST_CONTEXT is another, and the tests make and"):
        given_cluster()


_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hub"}}
_ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "hub", "namespace": "hub"}}
_PLACES = ("/api/v1/namespaces/hub", "/api/v1/namespaces/hub/serviceaccounts/hub")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """Give the admin's file of an embedded cluster that runs already, as KUBECONFIG would name one."""
    with running(EMBEDDED) as found:
        yield found.kubeconfig()


@pytest.mark.parametrize(
    ("there", "left"),
    [
        pytest.param([], [404, 404], id="nothing was there"),
        pytest.param([_NAMESPACE], [200, 404], id="the namespace was there"),
        pytest.param([_NAMESPACE, _ACCOUNT], [200, 200], id="both were there"),
    ],
)
async def test_given_cluster_has_at_the_end_what_it_had_before(
    cluster: Path, there: list[Json], left: list[int]
) -> None:
    """The hub's account is made for a run, and goes with it; one that others use stays."""
    backend = Backend("given", Path(), cluster)
    async with backend.api() as api:
        try:
            await apply(api, there)
            for _ in range(2):  # as each place of tests asks for it
                await make_hub_account(backend, api)
            assert [(await api.get(path)).status for path in _PLACES] == [200, 200]
            backend.clear()
            for path in (path for path, status in zip(_PLACES, left, strict=True) if status == 404):
                await api.until_gone(path)
            assert [(await api.get(path)).status for path in _PLACES] == left
        finally:
            await api.delete(_PLACES[0])
            await api.until_gone(_PLACES[0])


async def test_given_cluster_whose_last_run_is_still_ending_is_waited_for(cluster: Path) -> None:
    """What is being deleted is of no use: it is made anew, and that one is this run's."""
    before, backend = (Backend("given", Path(), cluster) for _ in range(2))
    held = {**_NAMESPACE, "metadata": {"name": "hub", "finalizers": ["example.org/held"]}}
    async with backend.api() as api:
        first = (await api.post("/api/v1/namespaces", held)).ok()["metadata"]["uid"]
        before.left[_PLACES[0]] = first
        before.clear()
        making = asyncio.create_task(make_hub_account(backend, api))
        await api.until(
            _PLACES[0], lambda found: found is not None and "deletionTimestamp" in found["metadata"]
        )
        (await api.patch(_PLACES[0], {"metadata": {"finalizers": None}})).ok()
        await making
        assert backend.left[_PLACES[0]] not in ("", first)
        before.left[_PLACES[0]] = first
        before.clear()
        assert (await api.get(_PLACES[0])).ok()["metadata"]["uid"] == backend.left[_PLACES[0]]
        backend.clear()
        await api.until_gone(_PLACES[0])
