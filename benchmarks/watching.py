"""Measure what watching pods costs a hub: KnadaSpawner beside stock KubeSpawner, on a real API server.

A control plane is started on loopback, kwok plays its nodes, and thousands of pods of a hundred teams run on
them. Each spawner then watches them in a fresh process of its own, one after the other: first with the right
to see all namespaces (a ClusterRole), then with a Role in each. Real hubs follow, with a running server for
each of the pods: how long they take to start, and to start and stop one server more.

    python -m benchmarks.watching                        all of it: about half an hour
    python -m benchmarks.watching --pods 200 --namespaces 5 --few 0 --seconds 15 --rounds 1    a quick look
    python -m benchmarks.watching --save FOLDER          all of it, and keep numbers and a picture
    python -m benchmarks.watching --show FOLDER/watching.json               look at them again, run nothing

Needs what the contract suite needs (`make kubernetes`), and Go 1.26 for kwok, which is built once. A machine
that does something else meanwhile makes blocks longer, for both.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks.facts import find_facts
from benchmarks.fleet import IDENTITIES, Fleet, launch
from benchmarks.hub import HubSettings, listening, measure_hub
from benchmarks.probing import run_probe
from benchmarks.relay import Relay
from benchmarks.tables import build_table, comparisons, missed, to_words
from benchmarks.variants import VARIANTS, Variant
from tests.kubernetes.control_plane import ControlPlane, running
from tests.kubernetes.fake_nodes import get_kwok
from tests.kubernetes.programs import get
from tests.kubernetes.refusals import NoClusterError
from tests.kubernetes.versions import KUBERNETES
from tests.support.kubernetes_api import Kubeconfig, KubernetesApi

Json = dict[str, Any]
_WIDTH: Final = 120
"""Columns of a table where the output is no terminal."""
_HUB_REST_SECONDS: Final = 30
"""A hub asks about each running server so often."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured."""

    cluster: str
    pods: int
    namespaces: tuple[int, ...]
    """The most first: the hubs are measured with those."""
    events: int
    seconds: float
    rounds: int
    starts: int
    """Of one server in each hub; 0: no hub is measured."""


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class _Bench:
    """Measures on one cluster after the other, and keeps the numbers."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._programs = get(options.cluster, _tell)
        self._kwok = get_kwok(_tell)
        self._watching: list[Json] = []
        self._hubs: list[Json] = []
        self._pod_bytes = 0

    def run(self) -> Json:
        """Measure everything; give the results, as plain JSON."""
        options = self._options
        for namespaces in options.namespaces:
            with (
                tempfile.TemporaryDirectory(prefix="knada-benchmark-") as folder,
                running(self._programs, Path(folder), IDENTITIES) as plane,
            ):
                self._kwok.start(plane, "admin")
                asyncio.run(self._measure(plane, namespaces))
        return {
            "facts": find_facts(self._programs.version, self._kwok.ask_version()),
            "parameters": {
                "pods": options.pods,
                "pod_bytes": self._pod_bytes,
                "events_of_a_pod": options.events,
                "namespaces": list(options.namespaces),
                "seconds": options.seconds,
                "rounds": options.rounds,
                "starts": options.starts,
            },
            "watching": self._watching,
            "hub": self._hubs,
        }

    async def _measure(self, plane: ControlPlane, namespaces: int) -> None:
        async with listening() as port:
            fleet = Fleet(self._options.pods, namespaces, self._options.events, port)
            await self._launch(plane, fleet)
            await self._watch_in_turn(plane, fleet)
            if self._options.starts and namespaces == self._options.namespaces[0]:
                await self._run_hubs(plane, fleet)

    async def _launch(self, plane: ControlPlane, fleet: Fleet) -> None:
        async with KubernetesApi(Kubeconfig.load(plane.folder / "admin.kubeconfig")) as api:
            pod = await launch(api, fleet, _tell)
        self._pod_bytes = len(json.dumps(pod, separators=(",", ":")))

    async def _watch_in_turn(self, plane: ControlPlane, fleet: Fleet) -> None:
        # Few namespaces are compared with many only by what does not differ from round to round.
        rounds = self._options.rounds if fleet.namespaces == self._options.namespaces[0] else 1
        for number in range(1, rounds + 1):
            # All of a round before the next: what disturbs the machine for a while disturbs them all.
            for variant in VARIANTS:
                _tell(f"{fleet.namespaces} namespaces, round {number}: {variant.name}")
                self._watching.append(await self._watch(plane, fleet, variant, number))

    async def _run_hubs(self, plane: ControlPlane, fleet: Fleet) -> None:
        for variant in VARIANTS:
            _tell(f"A hub of {fleet.pods} servers: {variant.name}")
            self._hubs.append(await self._run_hub(plane, fleet, variant))

    async def _watch(self, plane: ControlPlane, fleet: Fleet, variant: Variant, number: int) -> Json:
        settings = {
            "spawner": variant.spawner,
            "is_one_for_all": variant.is_one_for_all,
            "namespaces": fleet.namespace_names(),
            "pods": fleet.pods,
            "seconds": self._options.seconds,
        }
        copy = plane.folder / "relay.kubeconfig"
        async with Relay.running(plane.folder / f"{variant.account}.kubeconfig", copy) as relay:
            load, rest = await run_probe(settings, copy, relay)
        for line in rest["said"]:
            _tell(f"  it says: {line}")
        return {**_name(variant, fleet), "round": number, "load": load, "rest": rest}

    async def _run_hub(self, plane: ControlPlane, fleet: Fleet, variant: Variant) -> Json:
        settings = HubSettings(
            variant.spawner,
            variant.is_one_for_all,
            plane.folder / f"{variant.account}.kubeconfig",
            self._options.starts,
            min(self._options.seconds, _HUB_REST_SECONDS),
        )
        with tempfile.TemporaryDirectory(prefix="knada-hub-") as folder:
            measured = await measure_hub(settings, fleet, Path(folder))
        return {**_name(variant, fleet), **measured}


def _name(variant: Variant, fleet: Fleet) -> Json:
    return {"spawner": variant.spawner, "account": variant.account, "namespaces": fleet.namespaces}


def show(results: Json, console: Console) -> None:
    """Print the results as tables, and which goals were missed."""
    console.print(to_words(results["facts"]), style="bold", highlight=False)
    console.print(to_words(results["parameters"]), "", sep="\n", highlight=False)
    for table in comparisons(results):
        console.print(build_table(*table), "")
    not_met = missed(results)
    console.print("\n".join(["Goals that are not met:", *not_met] if not_met else ["All goals are met."]))


def save(results: Json, folder: Path) -> None:
    """Write the results into a folder, as JSON and as a picture; `make references` makes tables of them."""
    from benchmarks.plotting import draw  # noqa: PLC0415 - matplotlib is in a dependency group of its own

    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1) + "\n"
    (folder / "watching.json").write_text(text, encoding="utf-8")
    draw(results, folder / "watching.svg")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _rest(text: str) -> int:
    # Stock does something every ten seconds.
    if (number := int(text)) < 10:
        raise argparse.ArgumentTypeError("at least 10")
    return number


def _results(name: str) -> Json:
    """Read what `save` has written."""
    try:
        results = json.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error.strerror}") from None
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{name} is no JSON: {error}") from None
    parts = ("facts", "parameters", "watching", "hub")
    if not isinstance(results, dict) or any(part not in results for part in parts):
        raise argparse.ArgumentTypeError(f"{name} holds no results: they have {', '.join(parts)}")
    return results


def _read_words(words: list[str] | None) -> argparse.Namespace:
    usage, _, more = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        "python -m benchmarks.watching",
        description=f"{usage}\n\n{more}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit codes: 0 measured; 1 with --check, a goal is not met; 2 wrong words, or no cluster.",
    )
    add = parser.add_argument
    add("--pods", type=_positive, default=3000, help="pods that run (3000)")
    add("--namespaces", type=_positive, default=100, help="namespaces that they are in (100)")
    add("--few", type=int, default=10, help="measure with so few namespaces, too, once; 0: do not (10)")
    add("--events", type=int, choices=range(5), default=4, help="events of each pod (4)")
    add("--seconds", type=_rest, default=60, help="how long each spawner rests, 10 at least (60)")
    add("--rounds", type=_positive, default=2, help="how often each is measured (2)")
    add("--starts", type=int, default=3, help="starts of a server in each hub; 0: measure no hub (3)")
    add("--cluster", choices=[*KUBERNETES, "assets"], default="newest", help="version (newest)")
    add("--save", type=Path, metavar="FOLDER", help="write watching.json and watching.svg")
    add("--show", type=_results, metavar="FILE", help="read a watching.json instead, and run nothing")
    add("--check", action="store_true", help="fail where a goal is not met")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Do what the words say; give the exit code."""
    given = _read_words(words)
    if given.save and find_spec("matplotlib") is None:
        _tell("--save draws a picture, which needs matplotlib: `make benchmark` installs it")
        return 2
    if given.show:
        results = given.show
    else:
        namespaces = tuple(dict.fromkeys(n for n in (given.namespaces, given.few) if n > 0))
        options = Options(
            given.cluster, given.pods, namespaces, given.events, given.seconds, given.rounds, given.starts
        )
        try:
            results = _Bench(options).run()
        except NoClusterError as error:
            _tell(str(error))
            return 2
    show(results, Console() if sys.stdout.isatty() else Console(width=_WIDTH))
    if given.save:
        save(results, given.save)
    return 1 if given.check and missed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
