"""What `pyproject.toml` allows to be installed beside the package."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def requirement(name: str) -> Requirement:
    """Read one requirement of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (found,) = (given for line in project["dependencies"] if (given := Requirement(line)).name == name)
    return found


@pytest.mark.parametrize(
    ("name", "version"),
    [
        pytest.param("pyjwt", "2.10.0", id="CVE-2024-53861: a part of the issuer's name is taken for all"),
        pytest.param("pyjwt", "2.11.0", id="CVE-2026-32597: critical headers that it does not know"),
        pytest.param("pyjwt", "2.12.1", id="GHSA-jq35-7prp-9v3f: the key's algorithm is not the header's"),
        pytest.param("tornado", "6.4.2", id="CVE-2025-47287: a form fills the log"),
        pytest.param("tornado", "6.5.4", id="CVE-2026-31958: a form of countless parts"),
        pytest.param("tornado", "6.5.5", id="CVE-2026-49853: credentials follow a redirect"),
        pytest.param("tornado", "6.5.6", id="GHSA-pw6j-qg29-8w7f: curl's options of an earlier request"),
        pytest.param("aiohttp", "3.13.3", id="CVE-2026-22815: headers behind a body without a bound"),
        pytest.param("aiohttp", "3.13.5", id="CVE-2026-47265: cookies follow a redirect"),
        pytest.param("jinja2", "3.1.5", id="CVE-2025-27516: a way out of the sandbox"),
    ],
)
def test_version_with_a_known_fault_is_not_allowed(name: str, version: str) -> None:
    """Nobody gets a version whose fault concerns what the hub does with it."""
    assert not requirement(name).specifier.contains(version)
