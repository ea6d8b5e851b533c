"""The results as a picture: what stock costs beside ours, on a scale that shows both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.tables import comparisons
from benchmarks.verdicts import show_number

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.verdicts import Row

_SHOWN: Final = {
    "First load: worst block": "First load:\nworst block (ms)",
    "Rest: worst block": "Rest:\nworst block (ms)",
    "Rest: CPU per 10 s": "Rest:\nCPU per 10 s (ms)",
    "Rest: bytes received per 10 s": "Rest:\nreceived per 10 s (kB)",
    "Memory that watching adds": "Memory added\n(MB)",
}
_COLOURS: Final = {"stock": "#b45f06", "ours": "#1b6ca8"}
_LEAST: Final = 0.05
"""Where a scale of tenfolds begins: nothing is not on it."""


def draw(results: dict[str, Any], file: Path) -> None:
    """Draw the tables of watching into a file, whose name says as what: `.svg` or `.png`."""
    # The same numbers give the same file, and its words can be searched.
    with mpl.rc_context({"svg.hashsalt": "knada", "svg.fonttype": "none", "font.size": 9}):
        tables = [table for table in comparisons(results) if table[0].startswith("Watching")]
        figure = Figure(figsize=(9, 3.4 * len(tables)), layout="constrained")
        for axes, (title, _, rows) in zip(
            figure.subplots(len(tables), squeeze=False)[:, 0], tables, strict=True
        ):
            _draw_table(axes, title, {row.name: row for row in rows})
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def _draw_table(axes: Axes, title: str, rows: dict[str, Row]) -> None:
    shown = [rows[name] for name in _SHOWN]
    for offset, (name, colour) in zip((-0.2, 0.2), _COLOURS.items(), strict=True):
        numbers = [row.stock if name == "stock" else row.ours for row in shown]
        places = [number + offset for number in range(len(shown))]
        heights = [max(number, _LEAST) for number in numbers]
        bars = axes.bar(places, heights, 0.38, label=name, color=colour)
        axes.bar_label(bars, [show_number(number) for number in numbers], padding=2, fontsize=8)
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_yscale("log")
    axes.set_ylim(_LEAST / 2, max(row.stock for row in shown) * 8)
    axes.set_xticks(range(len(shown)), [_SHOWN[row.name] for row in shown])
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right", ncols=2)
