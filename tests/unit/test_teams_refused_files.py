"""What is kept of files that are refused: names, claims and problems, however large the file is."""

from __future__ import annotations

import gc
import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_knada.teams.loading import FileCache, load_files
from jupyterhub_knada.teams.reloading import build_snapshot
from jupyterhub_knada.teams.team_folder import LARGEST_FILE
from tests.support.team_files import SEED, write_files

if TYPE_CHECKING:
    from pathlib import Path

MOST_KEPT = 300_000
"""Bytes of Python objects, of one refused file: 200 problems and 1,000 names fit."""


def reachable(*roots: Any) -> list[Any]:
    """Give every object that is reached from these, but for classes, functions and modules."""
    seen: dict[int, Any] = {}
    waiting = list(roots)
    while waiting:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, type | FunctionType | ModuleType):
            continue
        seen[id(found)] = found
        waiting.extend(gc.get_referents(found))
    return list(seen.values())


def size_of(*roots: Any) -> int:
    """Count the bytes of all that is reached."""
    return sum(map(sys.getsizeof, reachable(*roots)))


def filled(line: str, entry: str, end: str = "") -> str:
    """Write a file as large as a file may be, of one line that repeats an entry."""
    start = f"{SEED}colour: red\n{line}"
    return start + entry * ((LARGEST_FILE - len(start) - len(end)) // len(entry)) + end


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(filled("x: [", "a,", "]"), id="many short entries"),
        pytest.param(filled("x: [", "{a: b},", "]"), id="many mappings"),
        # Of some length: each is judged by itself, and forty thousand take as long as a test may.
        pytest.param(filled("profiles: [", f"{{{'a' * 50}: b}},", "]"), id="many wrong profiles"),
        pytest.param(filled("env: {", "A: b,", "}"), id="one key again and again"),
        pytest.param(filled("x: ", "a"), id="one long text"),
        pytest.param(filled("? ", "a", "\n: b\n"), id="one long key"),
        pytest.param(filled("x: {? ", "a", " : 1}"), id="one long key below another"),
        pytest.param(f"{SEED}groups: [{'g,' * 120_000}]\n", id="many names"),
        pytest.param(f"{SEED}x: &a [1,2,3,4]\ny: [{'*a,' * 4000}]\n", id="many aliases"),
    ],
)
def test_refused_file_keeps_names_claims_and_problems_only(tmp_path: Path, text: str) -> None:
    """A large file that is refused leaves no tree of its values behind, in no registry's cache either."""
    write_files(tmp_path, kyrre=SEED + "colour: red\n")
    cache = FileCache()
    loaded = load_files(tmp_path / "teams", None, cache=cache)
    small = size_of(cache, build_snapshot(None, loaded))

    write_files(tmp_path, kyrre=text)
    cache = FileCache()
    snapshot = build_snapshot(None, load_files(tmp_path / "teams", None, cache=cache))

    assert list(snapshot.closed) == ["kyrre"]
    assert snapshot.closed["kyrre"].users == {"e152435"}
    assert size_of(cache, snapshot) < small + MOST_KEPT


def test_refused_platform_file_is_not_kept(tmp_path: Path) -> None:
    """Nor does the platform's file stay, of which nothing is served."""
    text = filled("x: [", "a,", "]").replace(SEED, "")
    write_files(tmp_path, text, kyrre=SEED)
    cache = FileCache()
    snapshot = build_snapshot(None, load_files(tmp_path / "teams", tmp_path / "platform.yaml", cache=cache))
    assert snapshot.platform is None
    assert size_of(cache, snapshot) < 2 * MOST_KEPT


def test_refused_file_is_judged_again_when_the_platforms_file_changes(tmp_path: Path) -> None:
    """What was over a bound may be within it now, and the other way round."""
    cache = FileCache()

    def closed(platform: str) -> list[str]:
        write_files(tmp_path, platform, kyrre=SEED + "memoryLimit: 4G\n")
        loaded = load_files(tmp_path / "teams", tmp_path / "platform.yaml", cache=cache)
        return [str(problem) for problem in loaded.problems if problem.file == "teams/kyrre.yaml"]

    lower, higher = "project: knada-gcp\nbounds: {memoryLimit: 2G}\n", "bounds: {memoryLimit: 8G}\n"
    assert ["over the bound" in line for line in closed(lower)][-1:] == [True]
    assert closed(higher) == []
    assert closed(lower) == closed(lower)
