"""The results as tables on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from benchmarks.variants import ACCOUNTS, KNADA, STOCK
from benchmarks.verdicts import (
    HUB_METRICS,
    METRICS,
    NAMESPACE_METRICS,
    Row,
    compare,
    select,
    show_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]


def comparisons(results: Json) -> Iterator[tuple[str, tuple[str, str], list[Row]]]:
    """Give a title, the names of two columns, and the rows, for each table that the results make."""
    most = max(results["parameters"]["namespaces"])
    fewest = min(results["parameters"]["namespaces"])
    pods = results["parameters"]["pods"]
    runs, columns = results["watching"], ("stock", "ours")
    for account, told in ACCOUNTS.items():
        found = [select(runs, spawner=name, account=account, namespaces=most) for name in (STOCK, KNADA)]
        yield f"Watching {pods} pods in {most} namespaces, {told}", columns, compare(METRICS, *found)
    for account, told in ACCOUNTS.items():
        found = [select(results["hub"], spawner=name, account=account) for name in (STOCK, KNADA)]
        if all(found):
            title = f"A hub with {pods} servers in {most} namespaces, {told}"
            yield title, columns, compare(HUB_METRICS, *found)
    if fewest == most:
        return
    for account, told in ACCOUNTS.items():
        found = [select(runs, spawner=KNADA, account=account, namespaces=count) for count in (fewest, most)]
        rows = compare(NAMESPACE_METRICS, *found)
        if account != next(iter(ACCOUNTS)):
            rows = [Row(row.name, row.unit, row.stock, row.ours) for row in rows]
        title = f"KnadaSpawner with {pods} pods in few and in many namespaces, {told}"
        yield title, (f"{fewest} namespaces", f"{most} namespaces"), rows


def build_table(title: str, columns: tuple[str, str], rows: list[Row]) -> Table:
    """Make a table for the terminal."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for column in (*columns, "ratio"):
        table.add_column(column, justify="right")
    table.add_column("goal")
    table.add_column("met")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    numbers = (show_amount(number, row.unit) for number in (row.stock, row.ours))
    met = "" if row.is_met is None else "yes" if row.is_met else "NO"
    return row.name, *numbers, show_number(row.ratio), str(row.goal or ""), met


def show_amount(number: float, unit: str) -> str:
    """Write a number with its unit, as all tables do."""
    return f"{show_number(number)} {unit}".strip()


def to_markdown(results: Json) -> str:
    """Give all tables as the docs have them, and below them on what they were measured."""
    parts = []
    for title, columns, rows in comparisons(results):
        head = ("", *columns, "ratio", "goal", "met")
        lines = [head, ("---", "---:", "---:", "---:", "---", "---"), *map(_cells, rows)]
        parts.append("\n".join([f"**{title}**", "", *(f"| {' | '.join(line)} |" for line in lines)]))
    parts.append(to_words({**results["facts"], **results["parameters"]}))
    return "\n\n".join(parts) + "\n"


def to_words(told: Json) -> str:
    """Give what was measured, or with which settings, as a sentence."""
    return "; ".join(f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in told.items()) + "."


def _plain(value: object) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)


def missed(results: Json) -> list[str]:
    """Give the goals that were not met, in words."""
    return [
        f"{title}: {row.name}: {show_amount(row.ours, row.unit)}, ratio {show_number(row.ratio)}, "
        f"goal {row.goal}"
        for title, _, rows in comparisons(results)
        for row in rows
        if row.is_met is False
    ]
