"""What the benchmark's numbers are taken to say."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.fleet import ALL, EACH, Fleet, build_events, build_pod
from benchmarks.metering import name_request
from benchmarks.tables import build_table, comparisons, missed, show_amount
from benchmarks.variants import KNADA, STOCK, VARIANTS
from benchmarks.verdicts import METRICS, Goal, Row, compare, ratio, show_number
from benchmarks.watching import main

Json = dict[str, Any]
MB = 1_000_000
DOCS = Path(__file__).parents[2] / "docs"
RESULTS = DOCS / "_static" / "benchmarks"
DECISION = DOCS / "explanation" / "adr" / "0009-one-watch-for-all-pods.md"


def _run(spawner: str, account: str = ALL, namespaces: int = 100, **changes: Any) -> Json:
    """Make a run: stock's numbers are a hundred times ours, but for what `changes` says of the rest."""
    factor = 100 if spawner == STOCK else 1
    traffic = {"connections": 1, "received": 10_000 * factor, "sent": 100}
    load = {
        "took": 0.01 * factor,
        "worst_block": 0.01 * factor,
        "worst_block_cpu": 0.01 * factor,
        "cpu": 0.02 * factor,
        "memory_before": 130 * MB,
        "memory_peak": 130 * MB + factor * MB,
        "requests": {"list pods": 30, "watch pods": 1},
        "traffic": traffic,
    }
    rest = {
        "seconds": 60.0,
        "worst_block": 0.01 * factor,
        "worst_block_cpu": 0.01 * factor,
        "worst_blocks_by_10_s": [0.01 * factor, 0.0],
        "cpu_per_10_s": 0.01 * factor,
        "memory": 130 * MB + factor * MB,
        "memory_peak": 130 * MB + factor * MB,
        "requests": {"list pods": 6} if spawner == STOCK else {"watch pods": 1},
        "traffic": traffic,
        **changes,
    }
    return {"spawner": spawner, "account": account, "namespaces": namespaces, "load": load, "rest": rest}


def _results(**changes: Any) -> Json:
    runs = [
        _run(variant.spawner, variant.account, namespaces, **(changes if variant.spawner == KNADA else {}))
        for variant in VARIANTS
        for namespaces in (100, 10)
    ]
    return {"parameters": {"pods": 3000, "namespaces": [100, 10]}, "watching": runs, "hub": []}


def _rows(stock: list[Json], ours: list[Json]) -> dict[str, Row]:
    return {row.name: row for row in compare(METRICS, stock, ours)}


@pytest.mark.parametrize(
    ("goal", "stock", "ours", "is_met"),
    [
        pytest.param(Goal(0.1, is_ratio=True), 100.0, 10.0, True, id="a ratio that is just reached"),
        pytest.param(Goal(0.1, is_ratio=True), 100.0, 10.1, False, id="a ratio that is just missed"),
        pytest.param(Goal(0.1, is_ratio=True), 0.0, 1.0, False, id="a ratio to nothing"),
        pytest.param(Goal(100.0), 5.0, 99.0, True, id="a number of ours, whatever stock has"),
        pytest.param(Goal(0.0), 5.0, 0.1, False, id="something where nothing is allowed"),
    ],
)
def test_goal_is_met_up_to_its_limit(goal: Goal, stock: float, ours: float, *, is_met: bool) -> None:
    """A limit belongs to what is allowed."""
    assert goal.is_met(stock, ours) is is_met


def test_ratio_to_nothing_is_endless_unless_ours_is_nothing_too() -> None:
    """Nothing beside nothing is no change."""
    assert ratio(4.0, 1.0) == 0.25
    assert ratio(0.0, 0.0) == 1.0
    assert ratio(0.0, 1.0) == math.inf


def test_compare_takes_the_worst_block_and_the_median_of_all_else() -> None:
    """One bad round counts where it is about the worst, and does not where it is about the usual."""
    ours = [_run(KNADA), _run(KNADA), _run(KNADA, worst_block=0.5, cpu_per_10_s=9.0)]
    rows = _rows([_run(STOCK)], ours)
    assert rows["Rest: worst block"].ours == pytest.approx(500.0)
    assert rows["Rest: CPU per 10 s"].ours == pytest.approx(10.0)


def test_compare_gives_the_units_that_it_says() -> None:
    """Milliseconds, megabytes that are added, lists per minute and kilobytes per ten seconds."""
    rows = _rows([_run(STOCK)], [_run(KNADA)])
    assert rows["First load: worst block"].ours == pytest.approx(10.0)
    assert rows["First load: requests"].ours == 31
    assert rows["Memory that watching adds"].stock == pytest.approx(100.0)
    assert rows["Memory that it adds at its peak"].ours == pytest.approx(1.0)
    assert rows["Memory of the whole process"].ours == pytest.approx(131.0)
    assert rows["Rest: full lists per minute"].stock == pytest.approx(6.0)
    assert rows["Rest: bytes received per 10 s"].ours == pytest.approx(10_000 / 6 / 1000)
    assert rows["Rest: worst block of each 10 s, mean"].stock == pytest.approx(500.0)


def test_missed_names_table_number_and_goal() -> None:
    """A goal that is missed is told in words; one that is reached is not."""
    assert missed(_results()) == []
    told = missed(_results(requests={"list pods": 1}))
    assert len(told) == 2
    assert told[0] == (
        "Watching 3000 pods in 100 namespaces, one watch for all namespaces (ClusterRole): "
        "Rest: full lists per minute: 1, ratio 0.17, goal ≤ 0"
    )


def test_goal_of_few_and_many_namespaces_is_that_of_one_watch_for_all() -> None:
    """A watch for each namespace costs more with more of them: that is told, and no goal is missed by it."""
    results = _results()
    for run in results["watching"]:
        if run["account"] == EACH and run["namespaces"] == 100:
            run["load"]["requests"]["watch pods"] = 100
    assert missed(results) == []
    for run in results["watching"]:
        if run["spawner"] == KNADA and run["account"] == ALL:
            run["load"]["requests"]["watch pods"] = run["namespaces"]
    assert len(missed(results)) == 1


def test_table_shows_both_numbers_their_ratio_and_the_verdict() -> None:
    """What one reads on the terminal."""
    shown = io.StringIO()
    title, columns, rows = next(comparisons(_results(worst_block=0.5)))
    Console(file=shown, width=120).print(build_table(title, columns, rows))
    lines = {line.split("│")[1].strip(): line for line in shown.getvalue().splitlines() if "│" in line}
    cells = [cell.strip() for cell in lines["Rest: worst block"].split("│")[2:-1]]
    assert cells == ["1,000 ms", "500 ms", "0.5", "ratio ≤ 0.1", "NO"]
    assert lines["Rest: CPU per 10 s"].split("│")[-2].strip() == "yes"


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0.0, "0"), (0.00234, "0.0023"), (6.0, "6"), (12.34, "12.3"), (1234.5, "1,234"), (math.inf, "∞")],
)
def test_show_number_has_the_digits_that_count(number: float, shown: str) -> None:
    """Nobody measures more."""
    assert show_number(number) == shown


@pytest.mark.parametrize(
    ("method", "path", "query", "name"),
    [
        ("GET", "/api/v1/pods", {}, "list pods"),
        ("GET", "/api/v1/namespaces/a/pods", {"watch": True}, "watch pods"),
        ("GET", "/api/v1/namespaces/a/pods/b", {}, "get pods"),
        ("GET", "/api/v1/namespaces/a", {}, "get namespaces"),
        ("POST", "/api/v1/namespaces/a/pods", {}, "create pods"),
        ("DELETE", "/api/v1/namespaces/a/pods/b", {}, "delete pods"),
    ],
)
def test_name_request_is_what_kubernetes_calls_it(
    method: str, path: str, query: dict[str, Any], name: str
) -> None:
    """Verb and resource, as in a Role."""
    assert name_request(method, f"https://127.0.0.1:6443{path}", query) == name


def test_fleet_spreads_its_pods_over_all_namespaces() -> None:
    """As many in each, and every person once."""
    places = list(Fleet(pods=10, namespaces=4).places())
    assert len({user for _, user in places}) == 10
    counts = [sum(namespace == name for namespace, _ in places) for name in Fleet(10, 4).namespace_names()]
    assert counts == [3, 3, 2, 2]


def test_events_belong_to_their_pod_and_are_as_many_as_asked_for() -> None:
    """The scheduler's has another kind of time than the kubelet's."""
    pod = build_pod("team-a", "u1", "fake-0")
    pod["metadata"] |= {
        "namespace": "team-a",
        "uid": "12eb6219-8ed6-4e92-9e67-f8c567facd41",
        "resourceVersion": "7",
        "creationTimestamp": "2026-11-21T07:37:07Z",
    }
    events = build_events(pod, 2)
    assert [event["reason"] for event in events] == ["Scheduled", "Pulled"]
    assert {event["involvedObject"]["name"] for event in events} == {"jupyter-u1"}
    assert ["eventTime" in event for event in events] == [True, False]
    assert len({event["metadata"]["name"] for event in events}) == 2


def test_published_run_measured_all_of_it() -> None:
    """What the docs show was measured with as many pods and namespaces, and for as long, as they say."""
    results = json.loads((RESULTS / "watching.json").read_text(encoding="utf-8"))
    assert results["parameters"]["pods"] >= 3000
    assert max(results["parameters"]["namespaces"]) >= 100
    assert results["parameters"]["seconds"] >= 60
    assert len(results["hub"]) == len(VARIANTS)


def test_numbers_of_the_decision_are_those_of_the_published_run() -> None:
    """One watch for all pods is argued for with what the docs show, and with nothing else."""
    results = json.loads((RESULTS / "watching.json").read_text(encoding="utf-8"))
    everywhere, each, *_ = (
        {row.name: [show_amount(row.stock, row.unit), show_amount(row.ours, row.unit)] for row in rows}
        for _, _, rows in comparisons(results)
    )
    lines = [line for line in DECISION.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert len(rows) >= 7
    assert rows == [[name, *everywhere[name], *each[name]] for name, *_ in rows]


def test_show_prints_the_settings_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A published run reads as in the docs: no Python."""
    assert main(["--show", str(RESULTS / "watching.json")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "; events of a pod: 4; namespaces: 100 and 10; seconds: " in said
    assert "{" not in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(None, "watching.json: No such file or directory", id="no file"),
        pytest.param("| ours |", "watching.json is no JSON: ", id="the tables"),
        pytest.param("[]", "watching.json holds no results: they have facts, parameters,", id="a list"),
        pytest.param('{"facts": {}}', "watching.json holds no results", id="another object"),
    ],
)
def test_show_of_what_holds_no_results_is_refused_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str | None, told: str
) -> None:
    """The file is named, and what is wrong with it."""
    file = tmp_path / "watching.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        main(["--show", str(file)])
    assert told in capsys.readouterr().err
