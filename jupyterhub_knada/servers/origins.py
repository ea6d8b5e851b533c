"""The address of one person's servers of one team, and which servers may share one. Pure.

A browser keeps service workers, storage and cached pages by origin. A DNS label of their own for each person
and team keeps what one team's server left there from whatever another team's server does. JupyterHub has one
host for each person, so two teams have origins of their own only one after the other.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.errors import Code, Refusal
from jupyterhub_knada.teams.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_LABEL: Final = 63
"""Bytes of a DNS label, RFC 1035."""
_PLAIN: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
"""What stands in a label as it is: no `--` in it, nor a dash at its ends."""
_STUB: Final = 14
_DIGEST: Final = 26
"""Characters of base 32: 130 bits, so that nobody finds a team id whose label is another team's."""
_RESERVED_LENGTH: Final = 2
"""`ab--…`: RFC 5891 keeps `--` in the third and fourth place for names like `xn--…`."""


def host_label(user: str, team_id: str) -> str:
    """Give the DNS label of a person's servers of one team.

    Two different pairs never get the same label, nor one that JupyterHub's own rule gives to a person
    (`anna`, `u-anna--<hash>`, `xn--…`) or to a service (`<name>--service`).

    Args:
        user: The hub's user name, whatever is in it.
        team_id: The team's immutable id: a new team with an old team's slug has another origin.

    Returns:
        `<user>--<team id>` where that is a DNS label, else `h-<hint>--<hint>--<digest of both>`; at most 63
        bytes of a-z, 0-9 and dashes.

    Source: `subdomain_hook_idna`, JupyterHub 5.3-6.1, for what its labels look like.
    """
    label = f"{user}--{team_id}"
    if len(label) <= _LONGEST_LABEL and _is_plain_person(user) and _is_plain_team(team_id):
        return label
    pair = json.dumps([user, team_id]).encode("ascii")
    digest = base64.b32encode(hashlib.sha256(pair).digest()).decode("ascii")[:_DIGEST].lower()
    return f"h-{_stub(user)}--{_stub(team_id)}--{digest}"


def _is_plain_person(user: str) -> bool:
    # `u-`: where JupyterHub's labels with a hash begin.
    return bool(_PLAIN.fullmatch(user)) and len(user) != _RESERVED_LENGTH and not user.startswith("u-")


def _is_plain_team(team_id: str) -> bool:
    # `--service`: where the labels of JupyterHub's services end.
    return bool(_PLAIN.fullmatch(team_id)) and team_id != "service"


def _stub(name: str) -> str:
    """Give a hint at a name, for whoever reads the address; the digest is what tells labels apart."""
    return re.sub(r"[^a-z0-9]", "", name.lower())[:_STUB] or "x"


@dataclass(frozen=True, slots=True)
class TeamServer:
    """A server of a person that starts, runs or stops, and the team that it is of."""

    name: str
    """The server's; empty for the default one."""
    team: str
    """The team's slug; empty where that is not known: a server of a hub without this package."""
    team_id: str
    """Empty where it is not known."""
    is_stopping: bool = False

    def describe(self) -> str:
        """Name it in a sentence."""
        server = f"server {quoted(self.name)}" if self.name else "default server"
        return f"{server}, of team {quoted(self.team)}," if self.team else f"{server}, of an unknown team,"


def find_other_teams(team_id: str, servers: Iterable[TeamServer]) -> tuple[TeamServer, ...]:
    """Give those of a person's servers that are not of this team; one whose team is unknown may be of any."""
    return tuple(server for server in servers if server.team_id != team_id)


def refuse_second_team(user: str | None, others: tuple[TeamServer, ...]) -> Refusal | None:
    """Refuse a start while servers of other teams are there; None where there are none.

    Args:
        user: Whose servers they are; None: of whoever reads it.
        others: What `find_other_teams` gave.
    """
    if not others:
        return None
    verb = "is being stopped" if others[0].is_stopping else "runs"
    server = f"Your {others[0].describe()}" if user is None else f"The {others[0].describe()} of {user}"
    return Refusal(
        Code.OTHER_TEAM_RUNS,
        f"{server} {verb}, and servers of two teams never run at once here: they "
        "would share one address in the browser.",
        "Start this one when that one has ended."
        if others[0].is_stopping
        else "Stop that one on this page or on the hub's home page, then start this one.",
        status=409,
    )
