"""Options of the whole test suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.account import Account
from tests.support.sockets import collect_sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a property says does not depend on how busy the machine is.
settings.register_profile("any-speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-speed")
_LONGEST = {"faults": 0, "e2e": 1, "contract": 2}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-test-data`: write what is compared with files in `tests/data` instead of comparing it."""
    parser.addoption(
        "--update-test-data",
        action="store_true",
        help="rewrite the golden files in tests/data; look at the difference before committing it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep account of the suites that run on several clusters; let no two workers rewrite one file."""
    if config.getoption("--update-test-data") and config.getoption("numprocesses", 0):
        pytest.exit(
            "--update-test-data: two workers would write one file at once; add -n 0.",
            returncode=pytest.ExitCode.USAGE_ERROR,
        )
    config.pluginmanager.register(Account())


def pytest_itemcollected(item: pytest.Item) -> None:
    """Say which tests share a worker of pytest-xdist: those of a file, or of a suite on one cluster.

    At once, as pytest-xdist reads it before the hooks that see all tests.
    """
    backend = item.callspec.params.get("backend") if hasattr(item, "callspec") else None
    group = f"{item.path.parent.name} on {backend}" if backend else item.path.stem
    item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left with it at the end."""
    items.sort(key=lambda item: _LONGEST.get(item.path.parent.name, len(_LONGEST)))


@pytest.fixture(scope="module", autouse=True)
def _collected_sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect what connections to a cluster have left, after the module's event loops have ended."""
    yield
    if request.path.parent.name in _LONGEST:
        collect_sockets()
