"""Make the paths and addresses of a pod fit this machine. Pure.

A container's process sees the machine's own files and network. What the pod says about `/home/jovyan` or
`0.0.0.0` in its command, arguments and environment is therefore turned into the local folder and the pod's
own address. Text inside a file, and a path that a program builds by itself, is not seen and stays wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Not inside another path or name, nor the path of a URL with a host; "file://", "=", ":" or a quote may
# precede.
_BEFORE_PATH = r"(?:(?<=file://)|(?<![\w.~/-]))"
_AFTER_PATH = r"(?=/|$|[^\w.~-])"
# A whole address: neither part of another number nor the network of all addresses.
_ANY_IPV4 = re.compile(r"(?<![\w.])0\.0\.0\.0(?![\w.]|/\d)")
_ANY_IPV6 = re.compile(r"\[::\]|(?:(?<=^)|(?<==))::$")


@dataclass(frozen=True, slots=True)
class Rewriting:
    """One container's paths and address."""

    folders: Mapping[str, Path]
    """Mount path → local folder or file. Absolute, without a slash at the end, never `/`."""
    address: str
    _pattern: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        longest_first = sorted(self.folders, key=len, reverse=True)
        alternatives = "|".join(map(re.escape, longest_first))
        pattern = re.compile(rf"{_BEFORE_PATH}(?:{alternatives}){_AFTER_PATH}") if alternatives else None
        object.__setattr__(self, "_pattern", pattern)

    def rewrite(self, text: str) -> str:
        """Rewrite an argument or a variable's value."""
        if self._pattern:
            text = self._pattern.sub(lambda match: str(self.folders[match.group()]), text)
        return _ANY_IPV6.sub(self.address, _ANY_IPV4.sub(self.address, text))

    def find_local(self, path: str) -> Path | None:
        """Give the local path of an absolute path in the container; None where nothing is mounted there."""
        wanted = PurePosixPath(path)
        for parent in (wanted, *wanted.parents):
            if (folder := self.folders.get(str(parent))) is not None:
                return folder / wanted.relative_to(parent)
        return None
