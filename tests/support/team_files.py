"""Folders of team files, for tests of what comes of them."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from jupyterhub_knada.teams.loading import load_files

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_knada.teams.loading import LoadedFiles

SEED = """\
namespace: kyrre-havik-eriksen
ingress: kyrre
users:
  - e152435
"""
"""The minimal file of the old config repository, verbatim."""


def write_files(folder: Path, platform: str | None = None, **teams: str) -> Path:
    """Write `platform.yaml` and `teams/<name>.yaml` below a folder; texts may be indented."""
    (folder / "teams").mkdir(parents=True, exist_ok=True)
    if platform is not None:
        (folder / "platform.yaml").write_text(dedent(platform), "utf-8")
    for name, text in teams.items():
        (folder / "teams" / f"{name}.yaml").write_text(dedent(text), "utf-8")
    return folder


def load_folder(folder: Path) -> LoadedFiles:
    """Load a folder as the hub would."""
    platform = folder / "platform.yaml"
    return load_files(folder / "teams", platform if platform.exists() else None)


def load_texts(folder: Path, platform: str | None = None, **teams: str) -> LoadedFiles:
    """Write files below a folder and load them; all must hold."""
    loaded = load_folder(write_files(folder, platform, **teams))
    assert not loaded.closed, "\n".join(map(str, loaded.problems))
    assert loaded.platform is not None, "\n".join(map(str, loaded.problems))
    return loaded
