"""What an earlier run of the node left in the root folder."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyterhub_knada.devcluster.node.attempts import Attempt
from jupyterhub_knada.devcluster.node.processes import kill_marked
from jupyterhub_knada.devcluster.node.volumes import remove_folder

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_knada.devcluster.node.cluster import JsonObject
    from jupyterhub_knada.devcluster.node.processes import ProcessHandle

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 10.0


def write_record(folder: Path, pod: JsonObject, address: str, started_at: float) -> JsonObject:
    """Write down that a pod is run here; gives the record: `{uid, namespace, name, address, started_at}`."""
    metadata = pod["metadata"]
    record = {key: metadata[key] for key in ("uid", "namespace", "name")}
    record |= {"address": address, "started_at": started_at}
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "pod.new"
    draft.write_text(json.dumps(record))
    draft.rename(folder / "pod.json")
    return record


def read_records(pods_folder: Path) -> dict[str, JsonObject]:
    """Read the pods of an earlier run: uid → record. A folder without one is empty yet and is removed."""
    records: dict[str, JsonObject] = {}
    for folder in pods_folder.iterdir():
        try:
            record = json.loads((folder / "pod.json").read_text())
            records[record["uid"]] = record
        except (OSError, ValueError, KeyError):
            logger.warning("removing %s: it contains no record of a pod", folder)
            kill_marked(str(folder))
            remove_folder(folder)
    return records


async def end_leftover(folder: Path) -> None:
    """End the processes of a pod that does not exist any more, and remove its folder."""
    logger.info("ending what is left of pod %s", folder.name)
    attempts = [
        attempt for container in (folder / "containers").glob("*") for attempt in Attempt.find_all(container)
    ]
    handles = [handle for attempt in attempts if (handle := attempt.find_process())]
    await asyncio.gather(*(_end(handle) for handle in handles))
    if killed := await asyncio.to_thread(kill_marked, str(folder)):
        logger.info("killed %d processes that had lost their supervisor", killed)
    await asyncio.to_thread(remove_folder, folder)


async def _end(handle: ProcessHandle) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_SECONDS):
            handle.terminate()
            await handle.wait()
    handle.kill()
    await handle.wait()
