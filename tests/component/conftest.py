"""Fixtures of the component tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.spawners import Spawners

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(name="spawners")
def make_spawners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spawners:
    """Give spawners for team files in a folder of this test."""
    return Spawners(tmp_path, monkeypatch)
