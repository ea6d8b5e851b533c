"""The table of faults: what goes wrong, what the server's owner sees, and what happens next.

The docs show it (`docs/explanation/what-happens-when.md`); each row is a test in `tests/faults`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

CALLS: Final = "A call to the API server fails"
HUB: Final = "The hub is killed and started again"
END: Final = "The hub is asked to end"
CLUSTER: Final = "A watch, the API server or a node goes away"
MEETINGS: Final = "Something is in the way"


@dataclass(frozen=True)
class Row:
    """One fault."""

    group: str
    """Title of the part of the table; all its rows are in one module."""
    person: str
    """Whose server it is, in the tests."""
    name: str
    """What goes wrong."""
    seen: str
    """What the server's owner sees."""
    then: str
    """What happens next."""
    team: str = "alfa"

    def __str__(self) -> str:
        return self.name

    def is_seen(self, told: str) -> bool:
        """Tell whether a message is what the table says that is seen; `…` stands for what is different."""
        words = map(re.escape, self.seen.split("…"))
        return re.fullmatch(".*".join(words), told.removeprefix("Spawn failed: ")) is not None


def row_of(person: str) -> Row:
    """Give somebody's row."""
    return next(row for row in ROWS if row.person == person)


def rows_of(group: str) -> list[Row]:
    """Give the rows of a part."""
    return [row for row in ROWS if row.group == group]


_LONGER: Final = "The start takes longer."
_STOPS_LONGER: Final = "The server is stopping for longer."
_AGAIN: Final = "The hub asks again, as long as `k8s_api_request_retry_timeout` says."
_NOT_BEFORE: Final = "The hub asks again, not before the time that the answer names."
_UNTIL: Final = "The hub asks again until it is answered: the server counts as stopping, never as gone."
_CLEAN: Final = "Nothing is left of the start; the next one works once the API server does."

_NO_HOME: Final = "The hub cannot search namespace … for your home, so that nothing was started. "
_NO_RIGHT_TO_LOOK: Final = (
    "The hub has no right to read it: the namespace is not prepared. Report this to whoever runs this hub."
)
_IN_A_MINUTE: Final = "Try again in a minute. If it stays so, report it to whoever runs this hub."
_NOT_MADE: Final = "Kubernetes rejected your home in namespace …: "
_REJECTED: Final = "Kubernetes rejected the server in namespace …: "
_REPORT: Final = " Report this to whoever runs this hub."
_CREDENTIALS: Final = f"it does not accept the hub's credentials.{_REPORT}"
_ONCE_MENDED: Final = "Nothing is left of the start; the next one works once that is mended."
_KEPT: Final = (
    "The hub writes why into its log and asks again until the pod may be deleted: the server counts as "
    "stopping, never as gone."
)

_SIGN_IN: Final = "The start page breaks off; after a while it can be opened again."
_ADOPTED: Final = "The hub finds the pod where it wrote down that it would be; the server runs."
_STOPPED: Final = "The server is stopped."
_FORGOTTEN: Final = "The hub sees that the pod is gone or going, and forgets the server; the home stays."

_KNOWN_AGAIN: Final = (
    "The hub ends all the same and writes into its log which pod is there; the next hub knows the server."
)
_RESUMED: Final = "The hub goes on from the last change that it saw."

ROWS: Final = (
    Row(CALLS, "c429list", "the list of claims: 429 with `Retry-After`", _LONGER, _NOT_BEFORE),
    Row(CALLS, "c500list", "the list of claims: 500", _LONGER, _AGAIN),
    Row(CALLS, "c429get", "a claim is read by name: 429 with `Retry-After`", _LONGER, _NOT_BEFORE),
    Row(CALLS, "c500get", "a claim is read by name: 500", _LONGER, _AGAIN),
    Row(CALLS, "c429claim", "the claim is made: 429 with `Retry-After`", _LONGER, _NOT_BEFORE),
    Row(CALLS, "c500claim", "the claim is made: 500", _LONGER, _AGAIN),
    Row(
        CALLS,
        "clostclaim",
        "the claim is made, and the answer is lost",
        _LONGER,
        "The hub asks again, learns that there is one, and uses it as it is this person's.",
    ),
    Row(
        CALLS,
        "c409claim",
        "the claim is made: 409, two changed a quota at once",
        _LONGER,
        "The hub asks again; stock treats it as a claim that is there, and the pod waits for it in vain.",
    ),
    Row(CALLS, "c429pod", "the pod is made: 429 with `Retry-After`", _LONGER, _NOT_BEFORE),
    Row(CALLS, "c500pod", "the pod is made: 500", _LONGER, _AGAIN),
    Row(
        CALLS,
        "clostpod",
        "the pod is made, and the answer is lost",
        _LONGER,
        "The hub asks again, learns that there is one, and replaces it.",
    ),
    Row(
        CALLS,
        "c409pod",
        "the pod is made: 409, two changed a quota at once",
        _LONGER,
        "The hub asks again; nothing is stopped first.",
    ),
    Row(CALLS, "c429del", "the pod is deleted: 429 with `Retry-After`", _STOPS_LONGER, _NOT_BEFORE),
    Row(CALLS, "c500del", "the pod is deleted: 500", _STOPS_LONGER, _UNTIL),
    Row(CALLS, "clostdel", "the pod is deleted, and the answer is lost", _STOPS_LONGER, _UNTIL),
    Row(
        CALLS,
        "cdownlist",
        "the list of claims: 500, and it stays so",
        _NO_HOME + _IN_A_MINUTE,
        _CLEAN,
    ),
    Row(
        CALLS,
        "cdownclaim",
        "the claim is made: 500, and it stays so",
        f"{_NOT_MADE}it failed itself. {_IN_A_MINUTE}",
        _CLEAN,
    ),
    Row(
        CALLS,
        "cdownpod",
        "the pod is made: 500, and it stays so",
        f"{_REJECTED}it failed itself. {_IN_A_MINUTE}",
        _CLEAN,
    ),
    Row(
        CALLS,
        "cdeafpod",
        "the pod is made, and neither answer nor watch ever says so",
        f"Kubernetes does not answer the hub. {_IN_A_MINUTE}",
        "The hub deletes the pod, which may be there, before it says so.",
    ),
    Row(
        CALLS,
        "cdowndel",
        "the pod is deleted: 500, and it stays so for long",
        _STOPS_LONGER,
        _UNTIL,
    ),
    Row(CALLS, "c403list", "the list of claims: 403", _NO_HOME + _NO_RIGHT_TO_LOOK, _ONCE_MENDED),
    Row(CALLS, "c401list", "the list of claims: 401", _NO_HOME + _IN_A_MINUTE, _ONCE_MENDED),
    Row(CALLS, "c403get", "a claim is read by name: 403", _NO_HOME + _NO_RIGHT_TO_LOOK, _ONCE_MENDED),
    Row(CALLS, "c401get", "a claim is read by name: 401", _NO_HOME + _IN_A_MINUTE, _ONCE_MENDED),
    Row(
        CALLS,
        "c403claim",
        "the claim is made: 403",
        f"{_NOT_MADE}the hub has no right to make homes there.{_REPORT}",
        _ONCE_MENDED,
    ),
    Row(CALLS, "c401claim", "the claim is made: 401", f"{_NOT_MADE}{_CREDENTIALS}", _ONCE_MENDED),
    Row(
        CALLS,
        "c403pod",
        "the pod is made: 403",
        f"{_REJECTED}the hub has no right to create servers there.{_REPORT}",
        _ONCE_MENDED,
    ),
    Row(CALLS, "c401pod", "the pod is made: 401", f"{_REJECTED}{_CREDENTIALS}", _ONCE_MENDED),
    Row(CALLS, "c403del", "the pod is deleted: 403", _STOPS_LONGER, _KEPT),
    Row(CALLS, "c401del", "the pod is deleted: 401", _STOPS_LONGER, _KEPT),
    Row(CALLS, "c400del", "the pod is deleted: a webhook of the cluster says no", _STOPS_LONGER, _KEPT),
    Row(
        CALLS,
        "c403gone",
        "the pod is deleted: 403, and somebody else deletes it",
        _STOPS_LONGER,
        "The hub sees that at its next try, at most half a minute later (a minute, where `Retry-After` asks "
        "for it), and forgets the server.",
    ),
    Row(
        CALLS,
        "c403clean",
        "what is left of a start that failed may not be deleted: 403",
        "… Kubernetes does not stop the server in namespace …: the hub has no right to stop servers there. "
        "Report this to whoever runs this hub. The hub asks again until it may.",
        _KEPT,
    ),
    Row(
        MEETINGS,
        "mownclaim",
        "another server of the same person makes the home first",
        "Nothing.",
        "The start uses that claim: it is the same home.",
    ),
    Row(
        MEETINGS,
        "mforeign",
        "somebody else's claim of this name comes first",
        "The claim … would be your home in team alfa, but its labels say that it belongs to another person "
        "or team. Ask whoever runs this hub to check its labels and annotations. [KNADA-S009]",
        "Nothing is mounted; the next start works when the claim is gone.",
    ),
    Row(
        MEETINGS,
        "mending",
        "a claim of this name is being deleted",
        "Your home in team alfa, the claim …, is being deleted. No empty one is put in its place. "
        "Ask whoever runs this hub to restore it or, if the files are lost, to make a claim labelled … "
        "[KNADA-S008]",
        "Nothing is mounted; the next start works when the claim is gone.",
    ),
    Row(
        MEETINGS,
        "mquota",
        "the quota for storage is used up",
        "Kubernetes rejected your home in namespace …: its quota for storage is used up. "
        "Report this to whoever runs this hub.",
        "Nothing is left of the start; the next one works when there is space.",
        team="full",
    ),
    Row(
        MEETINGS,
        "mpodleft",
        "a pod of this name was left by an earlier hub",
        "Nothing.",
        "The pod is replaced; the home is the same.",
    ),
    Row(
        MEETINGS,
        "mpodending",
        "a pod of this name is being deleted, and ends slowly",
        "Nothing.",
        "The hub ends it at once and makes its own.",
    ),
    Row(
        MEETINGS,
        "mstopped",
        "the person stops the server while its pod is being made",
        "JupyterHub's page may say for a moment that the server is ready; then it is stopped.",
        "The hub deletes the pod, which may be there.",
    ),
    Row(
        HUB,
        "hchoice",
        "the choice is stored, nothing is made",
        _SIGN_IN,
        "The hub finds no pod; the server is not started.",
    ),
    Row(HUB, "hclaimb", "the claim is about to be made", _SIGN_IN, "As above."),
    Row(
        HUB,
        "hclaima",
        "the claim is made",
        _SIGN_IN,
        "The server is not started; the next start finds the home by its labels.",
    ),
    Row(HUB, "hpodb", "the pod is about to be made", _SIGN_IN, "As above."),
    Row(HUB, "hpoda", "the pod is made", _SIGN_IN, _ADOPTED),
    Row(
        HUB,
        "hpending",
        "the pod waits for a node",
        _SIGN_IN,
        "The hub waits for the pod, at most `start_timeout`: then the server runs, else the pod is deleted.",
        team="late",
    ),
    Row(HUB, "hhttp", "the pod runs, the hub waits for its server to answer", _SIGN_IN, _ADOPTED),
    Row(HUB, "hruns", "the server runs", "Nothing: the server runs on.", "The hub knows it again."),
    Row(
        HUB,
        "hdelb",
        "a stop is asked for, the pod is about to be deleted",
        "The server runs on; to stop it, ask again.",
        "The hub knows it again.",
    ),
    Row(HUB, "hdela", "the pod was deleted, the hub has no answer yet", _STOPPED, _FORGOTTEN),
    Row(HUB, "hending", "the pod ends slowly", _STOPPED, _FORGOTTEN),
    Row(HUB, "hstore", "the pod is gone, nothing is stored yet", _STOPPED, _FORGOTTEN),
    Row(
        END,
        "eterm",
        "SIGTERM, while a pod may not be deleted: 403",
        "The server runs on; to stop it, ask again.",
        _KNOWN_AGAIN,
    ),
    Row(
        END,
        "eall",
        "`cleanup_servers`, while a pod may not be deleted: 403",
        "The server runs on; to stop it, ask again.",
        _KNOWN_AGAIN,
    ),
    Row(CLUSTER, "wstart", "every watch is cut in mid-start", "Nothing.", _RESUMED),
    Row(CLUSTER, "wstop", "every watch is cut in mid-stop", "Nothing.", _RESUMED),
    Row(
        CLUSTER,
        "wbroken",
        "a watch is cut, and answered by 429, by 500 and, as the API server has forgotten, by 410",
        _LONGER,
        "The hub tries again, then lists the pods once, and watches on from there.",
    ),
    Row(
        CLUSTER,
        "wdeleted",
        "a pod is deleted while its watch is cut",
        "The server is stopped, once the hub sees again.",
        _FORGOTTEN,
    ),
    Row(CLUSTER, "astart", "the API server is killed before the pod is made", _LONGER, _AGAIN),
    Row(CLUSTER, "ahttp", "the API server is killed when the pod runs", "Nothing.", "The start goes on."),
    Row(CLUSTER, "aruns", "the API server is killed while a server runs", "Nothing.", "The server runs on."),
    Row(CLUSTER, "aasks", "a start is asked for while there is no API server", _LONGER, _AGAIN),
    Row(CLUSTER, "astop", "the API server is killed before the pod is deleted", _STOPS_LONGER, _UNTIL),
    Row(CLUSTER, "aending", "the API server is killed while the pod ends", _STOPS_LONGER, _RESUMED),
    Row(
        CLUSTER,
        "bruns",
        "API server and hub are killed while a server runs; the hub is back first",
        "The server runs on.",
        "The hub waits for the API server; until then the server is neither running nor stopped for it.",
    ),
    Row(
        CLUSTER,
        "bstart",
        "API server and hub are killed in mid-start; the hub is back first",
        _SIGN_IN,
        _ADOPTED,
    ),
    Row(
        CLUSTER,
        "nstart",
        "the node is killed before the pod runs",
        _LONGER,
        "It runs the pod when it is back.",
    ),
    Row(CLUSTER, "nruns", "the node is killed while a server runs", "Nothing.", "The server runs on."),
    Row(
        CLUSTER,
        "nstop",
        "the node is killed before the pod is deleted",
        _STOPS_LONGER,
        "The pod ends when the node is back.",
    ),
    Row(
        CLUSTER,
        "ngone",
        "the node is gone with all that ran there",
        "No machine can run the server now: …",
        "Kubernetes deletes the pod, and the hub forgets the server; the next start waits for a node. The "
        "home is as safe as its volume.",
    ),
)


def render() -> str:
    """Give the table as the docs show it."""
    parts = []
    for group in dict.fromkeys(row.group for row in ROWS):
        lines = [
            f"## {group}",
            "",
            "| What goes wrong | What its owner sees | What happens next |",
            "|---|---|---|",
        ]
        cells = ((row.name, row.seen, row.then) for row in rows_of(group))
        lines += [f"| {name[0].upper()}{name[1:]} | {seen} | {then} |" for name, seen, then in cells]
        parts.append("\n".join(lines) + "\n")
    return "\n" + "\n".join(parts) + "\n"
