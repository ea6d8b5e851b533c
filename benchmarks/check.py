"""What it costs `check` to plan every profile: the same files judged alone, and with the plans.

    python -m benchmarks.check [--files 1000] [--runs 5]

Each run judges all files twice, without and with plans, in turns, so that what else the machine does falls on
both. Processor time counts, not the clock on the wall. The goal is a ratio of at most 2.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from jupyterhub_knada.servers.overrides import check_override
from jupyterhub_knada.servers.plan_checks import check_plans
from jupyterhub_knada.teams.loading import load_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_knada.teams.loaded import PlanChecker

GOAL: Final = 2.0
"""Times what it takes without plans."""
PLATFORM: Final = """\
project: knada-gcp
images: [{name: python, image: "ghcr.io/example/jupyter:2026-11-01", default: true}]
defaults: {memoryLimit: 2GB, cpuLimit: 0.5}
bounds: {memoryLimit: 64GB, cpuLimit: 16, gpu: 1, images: ["ghcr.io/example/*"]}
"""
TEAM: Final = """\
namespace: team-{number}
users: [e{number}, v{number}]
serviceAccount: team-{number}
memoryLimit: 4G
env: {{A: "1", B: "2"}}
allowlist: ["db.example.org:5432"]
profiles:
  - displayName: Small
    default: true
  - displayName: Big
    resources: {{memoryLimit: 32GB, cpuLimit: 4}}
    options:
      size:
        choices:
          one: {{displayName: One, kubespawnerOverride: {{cpu_limit: 1}}}}
          two: {{displayName: Two, kubespawnerOverride: {{cpu_limit: 2, mem_limit: 8G}}}}
          four: {{displayName: Four, kubespawnerOverride: {{cpu_limit: 4, environment: {{N: "4"}}}}}}
  - displayName: GPU
    resources: {{memoryLimit: 16G, cpuLimit: 4, gpu: 1}}
    kubespawnerOverride: {{node_selector: {{pool: gpu}}}}
"""


class Cost(NamedTuple):
    """Seconds of processor time that one judgement of all files takes."""

    alone: float
    with_plans: float

    @property
    def ratio(self) -> float:
        """How many times as much the plans make of it."""
        return self.with_plans / self.alone


def write_folder(folder: Path, files: int) -> None:
    """Write a platform file and team files of three profiles each."""
    (folder / "teams").mkdir()
    (folder / "platform.yaml").write_text(PLATFORM, encoding="utf-8")
    for number in range(files):
        (folder / "teams" / f"team-{number}.yaml").write_text(TEAM.format(number=number), encoding="utf-8")


def measure(folder: Path, runs: int) -> list[Cost]:
    """Judge all files, `runs` times without plans and with them in turns; the first run is not counted."""
    costs = [Cost(_judge(folder, None), _judge(folder, check_plans)) for _ in range(runs + 1)]
    return costs[1:]


def _judge(folder: Path, plans: PlanChecker | None) -> float:
    begun = time.process_time()
    loaded = load_files(
        folder / "teams", folder / "platform.yaml", check_override=check_override, check_plans=plans
    )
    taken = time.process_time() - begun
    if loaded.problems:
        raise RuntimeError(f"the files of the benchmark have problems: {loaded.problems[0]}")
    return taken


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0 where the goal is reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description="Plans in `check`.")
    parser.add_argument("--files", type=int, default=1000, help="team files (1000)")
    parser.add_argument("--runs", type=int, default=5, help="measurements, after one that is not counted (5)")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_folder(folder, given.files)
        costs = measure(folder, given.runs)
    alone, with_plans = median(cost.alone for cost in costs), median(cost.with_plans for cost in costs)
    ratio = median(cost.ratio for cost in costs)
    print(
        f"{given.files} team files of three profiles, median of {given.runs} runs, seconds of processor time"
    )
    print(f"  judged alone      {alone:8.2f}")
    print(f"  with every plan   {with_plans:8.2f}")
    print(f"  ratio             {ratio:8.2f}   goal: at most {GOAL}")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
