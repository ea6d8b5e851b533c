"""Options of the whole test suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-test-data`: write what is compared with files in `tests/data` instead of comparing it."""
    parser.addoption(
        "--update-test-data",
        action="store_true",
        help="rewrite the golden files in tests/data; look at the difference before committing it",
    )
