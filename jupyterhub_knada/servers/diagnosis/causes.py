"""What a diagnosis is: the class of a cause, and its sentences. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from jupyterhub_knada.servers.foreign_texts import on_one_line

LONGEST_SHOWN: Final = 240
"""Characters of one name that are shown."""
LONGEST_READ: Final = 2000
"""Characters of a text that are looked at: whoever writes an event may write a megabyte."""
REPORT: Final = "Report this to whoever runs this hub."
"""What to do where only an admin can mend it."""
IF_IT_STAYS_SO: Final = "If it stays so, report it to whoever runs this hub."
REPORT_TEAM: Final = "Report this to whoever keeps the team's file."
"""What to do where the team's file says something wrong."""


class Cause(StrEnum):
    """Why a server is not ready, as a class."""

    PROGRESS = "progress"
    """Nothing is wrong as far as is known: it is on its way."""
    UNSCHEDULABLE = "unschedulable"
    """No machine can run it."""
    VOLUME = "volume"
    IMAGE = "image"
    CONFIGURATION = "configuration"
    """Kubernetes cannot make the container of what the pod says."""
    PROGRAM = "program"
    """The container's program ended."""
    MEMORY = "memory"
    """The program needed more memory than it may have."""
    HOOK = "hook"
    PROBE = "probe"
    MACHINE = "machine"
    """The machine ended it, or is gone."""
    STOPPED = "stopped"
    """Somebody stopped it."""
    UNANSWERED = "unanswered"
    """It runs, and does not answer the hub."""
    UNKNOWN = "unknown"
    """Something is wrong that nothing here has words for."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a server is not ready: plain sentences without markup and without a text of Kubernetes' own."""

    cause: Cause
    ongoing: str
    """While the start goes on."""
    over: str
    """When it has failed: nothing is promised any more."""
    remedy: str = ""
    """What to do then; may be empty."""

    @property
    def explanation(self) -> str:
        """What is said of a start that has failed."""
        return f"{self.over} {self.remedy}".rstrip()


def always(cause: Cause, sentence: str, remedy: str = "") -> Diagnosis:
    """Give a diagnosis whose sentence is the same while the start goes on and afterwards."""
    return Diagnosis(cause, sentence, sentence, remedy)


def shown(name: str) -> str:
    """Give a name that others wrote, on one line and not too long."""
    line = on_one_line(name[:LONGEST_READ])
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"
