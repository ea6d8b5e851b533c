"""The tries of one container, on disk: what a node finds again after a restart.

`containers/NAME/N/` holds the N-th try: `launch.json` (no variables, they may be secret), the supervisor's
files, `exit.json` also where the process could not be started, and `termination-log`.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.processes import ProcessHandle, kill_marked, read_record
from jupyterhub_knada.devcluster.node.rewriting import Rewriting
from jupyterhub_knada.devcluster.node.statuses import Terminated
from jupyterhub_knada.devcluster.node.volumes import remove_folder

if TYPE_CHECKING:
    from typing import Self

_KEPT_TRIES = 2
_MESSAGE_BYTES = 4096
_LOG_TAIL_BYTES = 2048
_KILLED = 137
_CANNOT_START = 128


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one container."""

    folder: Path
    number: int

    @classmethod
    def find_all(cls, container_folder: Path) -> list[Self]:
        """Find the tries of a container, oldest first; only the last two are kept."""
        if not container_folder.is_dir():
            return []
        numbers = sorted(int(entry.name) for entry in container_folder.iterdir() if entry.name.isdigit())
        return [cls(container_folder / str(number), number) for number in numbers]

    @classmethod
    def create(cls, container_folder: Path) -> Self:
        """Make the folder of the next try."""
        tries = cls.find_all(container_folder)
        number = tries[-1].number + 1 if tries else 0
        for old in tries[: 1 - _KEPT_TRIES]:
            remove_folder(old.folder)
        folder = container_folder / str(number)
        folder.mkdir(parents=True)
        (folder / "termination-log").touch(mode=0o600)
        return cls(folder, number)

    @property
    def container_id(self) -> str:
        """What the node reports as `containerID`."""
        return f"process://{self.folder.parents[2].name}/{self.folder.parent.name}/{self.number}"

    @property
    def log(self) -> Path:
        """What the process wrote; absent where it never ran."""
        return self.folder / "log"

    def write_launch(self, rewriting: Rewriting, cwd: Path) -> None:
        """Remember what commands in the container need, for a later node."""
        folders = {path: str(local) for path, local in rewriting.folders.items()}
        told = {"folders": folders, "address": rewriting.address, "cwd": str(cwd)}
        (self.folder / "launch.json").write_text(json.dumps(told))

    def read_launch(self) -> tuple[Rewriting, Path]:
        """Give what `write_launch` remembered."""
        told = json.loads((self.folder / "launch.json").read_text())
        folders = {path: Path(local) for path, local in told["folders"].items()}
        return Rewriting(folders, told["address"]), Path(told["cwd"])

    def write_start_failure(self, message: str) -> None:
        """Note that the process could not be started, in the words of a container runtime."""
        now = datetime.now(UTC).timestamp()
        told = {"exit_code": _CANNOT_START, "started_at": 0, "finished_at": now, "reason": "StartError"}
        (self.folder / "exit.json").write_text(json.dumps(told | {"message": message}))

    def find_process(self) -> ProcessHandle | None:
        """Find the supervisor of this try, if it still runs."""
        started = read_record(self.folder / "started.json")
        if not started or self.has_ended:
            return None
        return ProcessHandle.find(started["supervisor"], started["supervisor_start"], str(self.folder))

    @property
    def has_ended(self) -> bool:
        """Tell whether the end is written down."""
        return (self.folder / "exit.json").exists()

    @property
    def pid(self) -> int | None:
        """The container's own process, as its supervisor named it."""
        started = read_record(self.folder / "started.json")
        return started["pid"] if started else None

    @property
    def started_at(self) -> datetime:
        """When the process started."""
        started = read_record(self.folder / "started.json") or {}
        return datetime.fromtimestamp(started.get("started_at", 0), UTC)

    def read_end(self, policy: str) -> Terminated:
        """Tell how the try ended, once no supervisor runs.

        A supervisor that was killed wrote nothing: its processes are ended, and the end is told as a kubelet
        tells it of a container that it lost.

        Args:
            policy: the container's `terminationMessagePolicy`.
        """
        record = read_record(self.folder / "exit.json")
        if record is None:
            kill_marked(str(self.folder))
            told = "The container could not be located when the pod was terminated"
            now = datetime.now(UTC)
            return Terminated(
                _KILLED, "ContainerStatusUnknown", self.started_at, now, self.container_id, told
            )
        code = record["exit_code"]
        reason = record.get("reason") or ("Error" if code else "Completed")
        started_at, finished_at = (
            datetime.fromtimestamp(record[key], UTC) for key in ("started_at", "finished_at")
        )
        message = record.get("message") or self._read_message(policy, code)
        return Terminated(code, reason, started_at, finished_at, self.container_id, message)

    def _read_message(self, policy: str, exit_code: int) -> str:
        message = _read_tail(self.folder / "termination-log", _MESSAGE_BYTES)
        if not message and exit_code and policy == "FallbackToLogsOnError":
            message = _read_tail(self.log, _LOG_TAIL_BYTES)
        return message


def _read_tail(path: Path, size: int) -> str:
    with suppress(OSError), path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - size))
        return stream.read(size).decode(errors="replace")
    return ""
