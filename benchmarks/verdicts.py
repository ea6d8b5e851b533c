"""What the numbers say: stock beside ours, their ratio, and the goals. Pure.

A run is a dict: `spawner`, `account`, `namespaces`, and what the probe measured in `load` and `rest` (see
`metering.Meter.read` and `probe`), each with its `traffic` (`relay.Traffic` as a dict).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import mean, median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """What has to hold; without a ratio it is about our own number."""

    limit: float
    is_ratio: bool = False

    def is_met(self, stock: float, ours: float) -> bool:
        """Tell whether two numbers reach it."""
        return (ratio(stock, ours) if self.is_ratio else ours) <= self.limit

    def __str__(self) -> str:
        return f"ratio ≤ {self.limit:g}" if self.is_ratio else f"≤ {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that is told of a run."""

    name: str
    unit: str
    read: Callable[[Json], float]
    """From one run, in the unit."""
    of_rounds: Callable[[Iterable[float]], float] = median
    """What holds for several runs; of blocks it is the worst."""
    goal: Goal | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    name: str
    unit: str
    stock: float
    ours: float
    goal: Goal | None = None

    @property
    def ratio(self) -> float:
        """Ours divided by stock."""
        return ratio(self.stock, self.ours)

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None: there is none."""
        return None if self.goal is None else self.goal.is_met(self.stock, self.ours)


def ratio(stock: float, ours: float) -> float:
    """Divide ours by stock; where both are nothing they are the same."""
    if stock:
        return ours / stock
    return 1.0 if not ours else math.inf


def count_requests(measured: Mapping[str, Any], verb: str = "") -> int:
    """Count requests, all or those of a verb."""
    return sum(count for name, count in measured["requests"].items() if name.startswith(verb))


def _added_memory(run: Json) -> float:
    return float(run["rest"]["memory"] - run["load"]["memory_before"]) / 1e6


def _added_peak(run: Json) -> float:
    peak = max(run["load"]["memory_peak"], run["rest"]["memory_peak"])
    return float(peak - run["load"]["memory_before"]) / 1e6


def _hub_peak(run: Json) -> float:
    return float(max(run[part]["memory_peak"] for part in ("start", "busy", "rest"))) / 1e6


METRICS: Final = (
    Metric("First load: time until all pods are known", "s", lambda run: run["load"]["took"]),
    Metric(
        "First load: worst block", "ms", lambda run: run["load"]["worst_block"] * 1e3, max, goal=Goal(100.0)
    ),
    Metric("First load: CPU of the worst block", "ms", lambda run: run["load"]["worst_block_cpu"] * 1e3, max),
    Metric("First load: CPU", "ms", lambda run: run["load"]["cpu"] * 1e3),
    Metric("First load: requests", "", lambda run: float(count_requests(run["load"]))),
    Metric("First load: bytes received", "MB", lambda run: run["load"]["traffic"]["received"] / 1e6),
    Metric(
        "Rest: worst block",
        "ms",
        lambda run: run["rest"]["worst_block"] * 1e3,
        max,
        goal=Goal(0.1, is_ratio=True),
    ),
    Metric("Rest: CPU of the worst block", "ms", lambda run: run["rest"]["worst_block_cpu"] * 1e3, max),
    Metric(
        "Rest: worst block of each 10 s, mean",
        "ms",
        lambda run: mean(run["rest"]["worst_blocks_by_10_s"]) * 1e3,
    ),
    Metric(
        "Rest: CPU per 10 s",
        "ms",
        lambda run: run["rest"]["cpu_per_10_s"] * 1e3,
        goal=Goal(0.1, is_ratio=True),
    ),
    Metric(
        "Rest: full lists per minute",
        "",
        lambda run: count_requests(run["rest"], "list") / run["rest"]["seconds"] * 60,
        max,
        goal=Goal(0.0),
    ),
    Metric(
        "Rest: bytes received per 10 s",
        "kB",
        lambda run: run["rest"]["traffic"]["received"] / run["rest"]["seconds"] / 100,
    ),
    Metric("Memory that watching adds", "MB", _added_memory, goal=Goal(0.5, is_ratio=True)),
    Metric("Memory that it adds at its peak", "MB", _added_peak),
    Metric("Memory of the whole process", "MB", lambda run: run["rest"]["memory"] / 1e6),
)

HUB_METRICS: Final = (
    Metric("Start of the hub: it answers", "s", lambda run: run["answered"]),
    Metric("Start of the hub: all servers are found", "s", lambda run: run["checked"]),
    Metric("Start of the hub: worst block", "ms", lambda run: run["start"]["worst_block"] * 1e3, max),
    Metric(
        "Start of the hub: CPU of the worst block",
        "ms",
        lambda run: run["start"]["worst_block_cpu"] * 1e3,
        max,
    ),
    Metric("Start of a server", "s", lambda run: median(run["starts"])),
    Metric("Stop of a server", "s", lambda run: median(run["stops"])),
    Metric("Meanwhile: worst block", "ms", lambda run: run["busy"]["worst_block"] * 1e3, max),
    Metric("Meanwhile: CPU of the worst block", "ms", lambda run: run["busy"]["worst_block_cpu"] * 1e3, max),
    Metric("Rest: worst block", "ms", lambda run: run["rest"]["worst_block"] * 1e3, max),
    Metric("Rest: CPU of the worst block", "ms", lambda run: run["rest"]["worst_block_cpu"] * 1e3, max),
    Metric("Rest: CPU per 10 s", "ms", lambda run: run["rest"]["cpu_per_10_s"] * 1e3),
    Metric("Memory of the hub", "MB", lambda run: run["rest"]["memory"] / 1e6),
    Metric("Memory of the hub at its peak", "MB", _hub_peak),
)

NAMESPACE_METRICS: Final = (
    Metric("First load: requests", "", lambda run: float(count_requests(run["load"]))),
    Metric("First load: CPU", "ms", lambda run: run["load"]["cpu"] * 1e3, goal=Goal(1.25, is_ratio=True)),
    Metric("First load: worst block", "ms", lambda run: run["load"]["worst_block"] * 1e3, max),
    Metric("First load: CPU of the worst block", "ms", lambda run: run["load"]["worst_block_cpu"] * 1e3, max),
    Metric("Open watches", "", lambda run: float(count_requests(run["load"], "watch")), goal=Goal(1.0)),
    Metric("Rest: CPU per 10 s", "ms", lambda run: run["rest"]["cpu_per_10_s"] * 1e3),
    Metric("Memory that watching adds", "MB", _added_memory),
)
"""What few and many namespaces are compared by, with the goals of one watch for all."""


def compare(metrics: Sequence[Metric], stock: Sequence[Json], ours: Sequence[Json]) -> list[Row]:
    """Put runs beside runs.

    Args:
        metrics: what is compared.
        stock: the runs that are divided by, one at least.
        ours: the others, one at least.
    """
    return [
        Row(
            metric.name,
            metric.unit,
            metric.of_rounds([metric.read(run) for run in stock]),
            metric.of_rounds([metric.read(run) for run in ours]),
            metric.goal,
        )
        for metric in metrics
    ]


def select(runs: Iterable[Json], **wanted: object) -> list[Json]:
    """Give the runs that have these values."""
    return [run for run in runs if all(run[key] == value for key, value in wanted.items())]


def show_number(number: float) -> str:
    """Write a number with the digits that count: three, or two below 1."""
    if not math.isfinite(number):
        return "∞"
    if number >= 100 or number.is_integer():
        return f"{number:,.0f}"
    return f"{number:.3g}" if number >= 1 else f"{number:.2g}"
