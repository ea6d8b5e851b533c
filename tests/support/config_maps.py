"""A mounted ConfigMap, written as the kubelet writes it."""

from __future__ import annotations

import shutil
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class MountedConfigMap:
    """A folder whose visible names are links into a dated folder that is swapped as a whole.

    Source: kubernetes/kubernetes pkg/volume/util/atomic_writer.go, AtomicWriter.Write, in its order of steps.
    """

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.folder = folder
        self._dates = count(1)
        folder.mkdir()
        self.update(files)

    def update(self, files: Mapping[str, str]) -> None:
        """Put new content in place; keys are paths below the folder, at most one folder deep."""
        data = self.folder / "..data"
        old = data.readlink() if data.is_symlink() else None
        dated = self.folder / f"..2026_11_21_08_00_00.{next(self._dates)}"
        for path, text in files.items():
            (dated / path).parent.mkdir(parents=True, exist_ok=True)
            (dated / path).write_text(text, "utf-8")
        temporary = self.folder / "..data_tmp"
        temporary.symlink_to(dated.name)
        temporary.rename(data)
        visible = {path.split("/")[0] for path in files}
        for name in visible:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        for entry in self.folder.iterdir():
            if not entry.name.startswith("..") and entry.name not in visible:
                entry.unlink()
        if old is not None:
            shutil.rmtree(self.folder / old)
