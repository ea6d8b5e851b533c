"""The page on the contract suite names every file of it, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_table_of_the_contract_suite_has_every_file_once() -> None:
    """Who looks for what is held finds it; who adds a file says what it holds."""
    page = (ROOT / "docs/how-to/run-the-contract-suite.md").read_text(encoding="utf-8")
    table = page.partition("## What it checks\n")[2].partition("\nWhat stands")[0]
    cells = [line.split("|")[2] for line in table.splitlines()[3:] if line.startswith("|")]
    named = [name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)]
    files = {
        path.stem.removeprefix("test_contract_")
        for path in (ROOT / "tests/contract").glob("test_contract_*.py")
    }
    assert sorted(named) == sorted(files)
