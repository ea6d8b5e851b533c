"""Options of the whole test suite."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.support.account import Account

# What a property says does not depend on how busy the machine is.
settings.register_profile("any-speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-speed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-test-data`: write what is compared with files in `tests/data` instead of comparing it."""
    parser.addoption(
        "--update-test-data",
        action="store_true",
        help="rewrite the golden files in tests/data; look at the difference before committing it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep account of the suites that run on several clusters."""
    config.pluginmanager.register(Account())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests share a worker of pytest-xdist, and begin with those that take longest.

    A file's tests share its fixtures, those of a suite on one cluster share the cluster.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=lambda item: "e2e" not in item.path.parts and "backend" not in dict(item.user_properties))


def _group(item: pytest.Item) -> str:
    told = dict(item.user_properties)
    return f"{told['suite']} on {told['backend']}" if "backend" in told else item.path.stem
