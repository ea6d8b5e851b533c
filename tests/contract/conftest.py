"""The contract suite: each test runs once per backend, and the last lines tell how many ran on each."""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.kubernetes.refusals import NoClusterError
from tests.support.backends import Backend, backend_names, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.kubernetes_api import KubernetesApi

try:
    _NAMES = backend_names()
except NoClusterError as error:
    pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


class _Account:
    """What became of the tests on each backend; a plugin of its own for what comes after the last test.

    Where a real cluster is asked for, a test that ran on one backend and not on another is a failure.
    """

    def __init__(self) -> None:
        self._outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._versions: dict[str, str] = {}

    def name_version(self, backend: str, version: str) -> None:
        """Take down what a backend says that it is."""
        self._versions[backend] = version

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: when it ran, or when it could not."""
        backend = next((value for key, value in report.user_properties if key == "backend"), None)
        if backend is not None and (report.when == "call" or report.outcome != "passed"):
            self._outcomes[str(backend)][report.outcome] += 1

    def is_complete(self) -> bool:
        """Tell whether all ran everywhere."""
        counts = [self._outcomes[name] for name in _NAMES]
        return len({total.total() for total in counts}) == 1 and not any(total["skipped"] for total in counts)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail where less ran than was asked for."""
        if self._outcomes and len(_NAMES) > 1 and not self.is_complete():
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell how many tests ran on each backend."""
        if not self._outcomes:
            return
        terminalreporter.section("contract suite")
        for name in _NAMES:
            told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self._outcomes[name].items()))
            version = self._versions.get(name, "not started")
            terminalreporter.line(f"{name} ({version}): {told or 'no test'}")
        if len(_NAMES) > 1 and not self.is_complete():
            terminalreporter.line("Not every test ran on every backend.", red=True)


_ACCOUNT = pytest.StashKey[_Account]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its backend, for the account that is kept."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            backend = item.callspec.params.get("backend")
            if backend is not None:
                item.user_properties.append(("backend", backend))
    if _ACCOUNT not in config.stash:
        config.stash[_ACCOUNT] = account = _Account()
        config.pluginmanager.register(account)


@pytest.fixture(scope="session", params=_NAMES)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Give a running cluster, one for the whole session."""
    with running(request.param) as found:
        version = found.ask_version()
        request.config.stash[_ACCOUNT].name_version(found.name, version)
        yield found


@pytest.fixture(scope="session")
def minor(backend: Backend) -> int:
    """Give the backend's minor version: 36 of 1.36.3."""
    return int(backend.ask_version().split(".")[1])


@pytest_asyncio.fixture
async def api(backend: Backend) -> AsyncIterator[KubernetesApi]:
    """Give the admin's client."""
    async with backend.api() as found:
        yield found


@pytest_asyncio.fixture
async def nobody(backend: Backend) -> AsyncIterator[KubernetesApi]:
    """Give the client of somebody without any right."""
    async with backend.api("nobody") as found:
        yield found


@pytest_asyncio.fixture
async def hub(backend: Backend) -> AsyncIterator[KubernetesApi]:
    """Give the client of the service account `hub:hub`, which has the rights that a test gives it."""
    async with backend.api("hub") as found:
        yield found


@pytest_asyncio.fixture
async def namespace(api: KubernetesApi) -> AsyncIterator[str]:
    """Give the name of a new namespace that has its service account; it is deleted afterwards."""
    name = f"contract-{secrets.token_hex(4)}"
    (await api.post("/api/v1/namespaces", {"metadata": {"name": name}})).ok()
    await api.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda found: found is not None)
    yield name
    await api.delete(f"/api/v1/namespaces/{name}")


def _is_usable(node: dict[str, Any] | None) -> bool:
    return node is not None and not node["spec"].get("taints")


@pytest_asyncio.fixture
async def node(api: KubernetesApi) -> AsyncIterator[str]:
    """Give the name of a new ready node, alone with its label `contract=NAME`; it is deleted afterwards."""
    name = f"node-{secrets.token_hex(4)}"
    status: dict[str, Any] = {
        "capacity": {"cpu": "2", "memory": "4Gi", "pods": "20"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"}],
    }
    body = {"metadata": {"name": name, "labels": {"contract": name}}, "status": status}
    (await api.post("/api/v1/nodes", body)).ok()
    await api.until(f"/api/v1/nodes/{name}", _is_usable)
    yield name
    await api.delete(f"/api/v1/nodes/{name}")
