"""The table of faults: every row is run, and the docs show it as it is."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.support.fault_table import CALLS, CLUSTER, END, HUB, MEETINGS, ROWS, render, rows_of

PAGE = Path(__file__).parents[2] / "docs/explanation/what-happens-when.md"
TABLE = re.compile(r"(?<=<!-- made from tests/support/fault_table.py -->\n).*(?=<!-- end -->)", re.DOTALL)
MODULES = {
    CALLS: "test_faults_calls",
    MEETINGS: "test_faults_meetings",
    HUB: "test_faults_hub",
    END: "test_faults_end",
    CLUSTER: "test_faults_cluster",
}


@pytest.mark.parametrize("group", MODULES)
def test_every_row_of_the_table_has_its_scenario(group: str) -> None:
    """No row is only words, and nothing is run that has no row."""
    module = importlib.import_module(f"tests.faults.{MODULES[group]}")
    assert {row.person for row in rows_of(group)} == module.SCENARIOS.keys()


def test_every_row_belongs_to_a_part_and_to_one_person() -> None:
    """Rows that are run at the same time do not meet."""
    assert {row.group for row in ROWS} == MODULES.keys()
    people = [row.person for row in ROWS]
    assert len(people) == len(set(people))


def test_docs_show_the_table_as_it_is(pytestconfig: pytest.Config) -> None:
    """`--update-test-data` writes it."""
    page = PAGE.read_text("utf-8")
    made = render()
    if pytestconfig.getoption("--update-test-data"):
        PAGE.write_text(TABLE.sub(lambda _: made, page), "utf-8")
    else:
        found = TABLE.search(page)
        assert found is not None
        assert found[0] == made
