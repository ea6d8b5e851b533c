"""What became of the tests on each cluster, told in the last lines of a run.

A suite is a folder of tests that run once per cluster: their fixture `backend` is parametrised by its name.
A test that is marked to run on one of them only is no part of the account.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED_BY = {"KUBECONFIG": "given", "KUBEBUILDER_ASSETS": "assets"}
"""What names a cluster that only KNADA_TEST_CLUSTERS has tests run on."""
_VERSIONS = pytest.StashKey[dict[str, str]]()


def name_version(config: pytest.Config, backend: str, version: str) -> None:
    """Take down what a cluster says that it is; its fixture calls this when it runs."""
    config.stash.setdefault(_VERSIONS, {})[backend] = version


class Account:
    """A plugin that counts each suite's tests on each cluster.

    Where a real cluster is asked for, a test that ran on one cluster and not on another is a failure, and so
    is a suite whose tests on one cluster ran in several processes: each of them started that cluster anew.
    All that is told comes with the reports: the tests themselves may run in other processes.
    """

    def __init__(self) -> None:
        self._outcomes: defaultdict[str, defaultdict[str, Counter[str]]]
        self._outcomes = defaultdict(lambda: defaultdict(Counter))
        self._versions: dict[str, str] = {}
        self._workers: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def pytest_configure(self, config: pytest.Config) -> None:
        """End the run where a cluster that is asked for is not there, before anything is started."""
        if not os.environ.get("KNADA_TEST_CLUSTERS") or hasattr(config, "workerinput"):
            return
        from tests.kubernetes.refusals import NoClusterError  # noqa: PLC0415 - as in `_asked`
        from tests.support.backends import check_backends  # noqa: PLC0415 - as in `_asked`

        try:
            check_backends()
        except NoClusterError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        """Mark each test with its suite and its cluster."""
        for item in items:
            if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
                backend = item.callspec.params.get("backend")
                if backend is not None and not _chooses(item):
                    item.user_properties += [("suite", item.path.parent.name), ("backend", backend)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Add the process, for a test that its fixtures fail, too."""
        item.user_properties.append(("worker", os.environ.get("PYTEST_XDIST_WORKER", "")))

    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Add the cluster's version, which is known by now."""
        backend = dict(item.user_properties).get("backend")
        version = item.config.stash.get(_VERSIONS, {}).get(str(backend))
        if version is not None:
            item.user_properties.append(("version", version))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test once: when it ran, or when it could not."""
        told = {key: str(value) for key, value in report.user_properties}
        if "backend" not in told:
            return
        if "version" in told:
            self._versions[told["backend"]] = told["version"]
        if report.when == "call" or report.outcome != "passed":
            self._outcomes[told["suite"]][told["backend"]][report.outcome] += 1
            self._workers[told["suite"], told["backend"]].add(told.get("worker", ""))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail where less ran than was asked for."""
        if any(self._is_short(suite) or self._is_torn(suite) for suite in self._outcomes):
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell how many tests ran on each cluster."""
        for suite in sorted(self._outcomes):
            told = "; ".join(self._tell(suite, backend) for backend in _asked())
            terminalreporter.line(f"{suite}: {told}")
            if self._is_short(suite):
                terminalreporter.line(f"{suite}: not every test ran on every cluster.", red=True)
            if self._is_torn(suite):
                told = (
                    "its tests on one cluster ran in several processes; --dist loadgroup keeps them together"
                )
                terminalreporter.line(f"{suite}: {told}.", red=True)
        for variable, name in _NAMED_BY.items():
            if self._outcomes and os.environ.get(variable) and name not in _asked():
                terminalreporter.line(
                    f"{variable} is set, and no test ran on what it names: "
                    f"KNADA_TEST_CLUSTERS={name} has tests/contract run there, too.",
                    yellow=True,
                )

    def _is_short(self, suite: str) -> bool:
        counts = [self._outcomes[suite][backend] for backend in _asked()]
        is_even = len({count.total() for count in counts}) == 1
        return len(counts) > 1 and not (is_even and not any(count["skipped"] for count in counts))

    def _is_torn(self, suite: str) -> bool:
        backends = _asked()
        return len(backends) > 1 and any(len(self._workers[suite, backend]) > 1 for backend in backends)

    def _tell(self, suite: str, backend: str) -> str:
        counts = sorted(self._outcomes[suite][backend].items())
        told = ", ".join(f"{count} {outcome}" for outcome, count in counts)
        return f"{backend} ({self._versions.get(backend, 'not started')}): {told or 'no test'}"


def _chooses(item: pytest.Item) -> bool:
    return any(mark.args[0] == "backend" for mark in item.iter_markers("parametrize"))


def asked_backends() -> list[str]:
    """Give the clusters of this run; none where one is not there, for which `Account` ends the run."""
    from tests.kubernetes.refusals import NoClusterError  # noqa: PLC0415 - as in `_asked`

    try:
        return _asked()
    except NoClusterError:
        return []


def _asked() -> list[str]:
    from tests.support.backends import backend_names  # noqa: PLC0415 - unit tests need no client of Kubernetes

    return backend_names()
