"""One file as it was read: its tree of texts, its model as far as it holds, and its problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jupyterhub_knada.errors import Code, Problem, Severity
from jupyterhub_knada.teams.file_model import FileModel
from jupyterhub_knada.teams.positions import Positions, shown

if TYPE_CHECKING:
    from jupyterhub_knada.teams.faults import Fault, Path

M = TypeVar("M", bound=FileModel)


@dataclass(frozen=True, slots=True)
class FileView(Generic[M]):
    """One file, judged by itself."""

    file: str
    """As messages name it."""
    data: Any
    """The tree of texts, as `yaml_nodes` gives it; None if the file could not be read."""
    positions: Positions
    model: M | None
    """None: the file does not hold."""
    part: M | None
    """The model of what is right in the file, for checks against other files; None if too little is."""
    unsaid: frozenset[str]
    """Top-level keys that are in the file but not in `part`, because something in them is wrong."""
    problems: tuple[Problem, ...]
    left_out: int = 0
    """How many more problems a file has that is reduced."""
    is_reduced: bool = False
    """Whether only names, claims and problems are left of a file that is refused (`refused_files`)."""

    def tell(self, fault: Fault, severity: Severity = Severity.ERROR) -> Problem:
        """Give a fault its place in this file."""
        written = self.positions.written(fault.path)
        path = written + fault.path[len(written) :]
        if fault.code is Code.UNKNOWN_KEY:
            path = path[:-1]  # The message names the key: the field is what it stands in.
        exact = len(written) == len(fault.path)
        line, column = (self.positions.key_at if fault.at_key and exact else self.positions.at)(fault.path)
        return Problem(
            self.file,
            line,
            column,
            shown(path),
            fault.code,
            fault.message,
            fault.rule,
            fault.remedy,
            severity,
        )

    def place(self, path: Path) -> str:
        """Give `teams/kyrre.yaml:7`, for messages about another file."""
        return f"{self.file}:{self.positions.at(path).line}"

    def text(self, path: Path) -> Any:
        """Give what stands at a path: the text of the file; None if the file does not go so far."""
        found = self.data
        for step in self.positions.written(path):
            found = found[step]
        return found if self.positions.has(path) else None
