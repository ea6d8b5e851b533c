"""How an entry of `users`, `leads` and `groups` is read."""

from __future__ import annotations

from typing import Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams import user_names
from jupyterhub_knada.teams.faults import Fault, told
from jupyterhub_knada.teams.quoting import got
from jupyterhub_knada.teams.readers import scalar, text

LONGEST_GROUP: Final = 249
"""Characters; the hub remembers it with six before it, in a name of 255 (`hub_groups`)."""

_read_text = text(LONGEST_GROUP, "a group")


def read_user(value: object) -> str:
    """Read a user name, as the hub knows the person."""
    found = scalar(value)
    if user_names.is_listable(found):
        return found
    meant = user_names.normalize_user_name(found.strip())
    if user_names.is_listable(meant):
        remedy = f"write {meant!r}"
    else:
        remedy = "write one name in each entry; people with other names come in by 'groups'"
    rule = f"printable, without A-Z, blanks and , ; * /, at most {user_names.LONGEST_BYTES} bytes"
    raise told(Fault(Code.BAD_USER_NAME, f"not a user name {got(found)}", rule, remedy))


def read_group(value: object) -> str:
    """Read a group of the claim: taken exactly as it is written, as it is compared exactly."""
    found = _read_text(value)
    if not found.strip() or "\n" in found or "\t" in found:
        message, rule = f"not a group {got(found)}", "a group is one line, exactly as the claim has it"
        raise told(Fault(Code.WRONG_TYPE, message, rule, "write its name or id, or remove the entry"))
    return found
