"""An edit of a team's file in a real hub: its log says what changed, and which servers stay as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.team_files import write_files
from tests.support.team_hub import team_hub
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

TEAM = "namespace: team-pensjon\nusers: [anna]\nenv: {HELLO: s3cret-one}\nmemoryLimit: "


async def test_edit_of_a_team_is_in_the_hubs_log_with_its_running_servers(tmp_path: Path) -> None:
    """What changed is said in words, without a variable's value; a server that runs keeps what it has."""
    write_files(tmp_path, "contact: '#knada'\n", pensjon=f"{TEAM}4G\n")
    async with team_hub(tmp_path, ["team-pensjon"]) as place:
        await place.add("anna")
        assert (await place.start("anna"))[0] == 201
        write_files(tmp_path, pensjon=f"{TEAM}6G\n".replace("s3cret-one", "s3cret-two"))

        async def is_logged() -> bool:
            return "started with" in place.hub.log

        await eventually(is_logged)
        told = re.findall(r"^\[I \S+ \S+ \S+ \w+:\d+\] (pensjon: .*)$", place.hub.log, re.MULTILINE)
        assert told == [
            "pensjon: memoryLimit 4G -> 6G",
            "pensjon: env.HELLO changed",
            "pensjon: 1 server keeps what it was started with",
        ]
        assert "s3cret" not in place.hub.log
        await place.stop("anna")
