"""Options of the whole test suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

from tests.support.account import Account

if TYPE_CHECKING:
    import pytest

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
