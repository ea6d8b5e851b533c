"""Raw start options, as they come from a form, a link or a REST body, made into plain texts.

This module knows shapes and sizes only; whether a text names something that exists is decided in `choices`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NoReturn

from jupyterhub_knada.errors import Code, Refusal, RefusedError
from jupyterhub_knada.teams.quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

TEAM: Final = "team"
PROFILE: Final = "profile"
UNLISTED_SUFFIX: Final = "--unlisted-choice"
"""Behind an option's name: the person's own text. As KubeSpawner spells it."""
UNLISTED_CHOICE: Final = "unlisted-choice"
"""The entry of a list that means: my own text. As KubeSpawner's form spells it."""
SAVED: Final = "knada-saved"
"""Marks options that this package stored itself: an earlier choice, not what somebody names now.

Whoever sends it along gains nothing: an earlier choice is checked like any other, and only falls back.
"""

MAX_OPTIONS: Final = 64
MAX_NAME_LENGTH: Final = 200
MAX_VALUE_LENGTH: Final = 1024
"""In characters. Slugs have at most 63, image references at most 512 or so."""
MAX_TOTAL_LENGTH: Final = 64 * 1024
"""Of all names and values, in characters: JupyterHub keeps the options in its database for good."""

_XSRF: Final = "_xsrf"
"""JupyterHub's own field against forged requests, checked before we are asked."""
_FOREIGN_PREFIXES: Final = ("profile-option-", "profile:", "team:")
_TYPE_NAMES: Final = {
    dict: "a mapping",
    list: "a list",
    tuple: "a list",
    str: "a text",
    bytes: "bytes",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def read_options(raw: object) -> dict[str, str]:
    """Check shape and size of raw options.

    Args:
        raw: None (nothing was sent) or parsed JSON of any shape.

    Returns:
        Names to values: exact strings, printable, within the size limits.

    Raises:
        RefusedError: BAD_OPTIONS; status 400 for a wrong shape, 413 for too much.
    """
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        _refuse(
            f"Start options must be a JSON object of names and texts (got {_type_name(raw)}).",
            'Send an object such as {"team": "…", "profile": "…"}, or no body at all.',
        )
    if len(raw) > MAX_OPTIONS:
        _refuse_size(f"{len(raw)} start options were sent; at most {MAX_OPTIONS} are read.")
    total = 0
    for name, value in raw.items():
        total += _check_name(name) + _check_value(name, value)
    if total > MAX_TOTAL_LENGTH:
        _refuse_size(f"The start options have {total} characters; at most {MAX_TOTAL_LENGTH} are read.")
    return dict(raw)


def what_json_carries(raw: object) -> object:
    """Make options such that JSON can carry them, as the hub's REST API shows them to whoever lists servers.

    JupyterHub (5.3-6.1, `orm.JSONDict`) makes bytes of a marker in what it has stored, after a restart.
    What JSON cannot carry becomes null, which `read_options` refuses.
    """
    if _is_json(raw):
        return raw
    named = raw.items() if isinstance(raw, dict) else (("options", None),)
    return {str(name): value if _is_json(value) else None for name, value in named}


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _check_name(name: object) -> int:
    if type(name) is not str:
        _refuse(f"The name of a start option must be a text (got {_type_name(name)}).")
    if len(name) > MAX_NAME_LENGTH:
        _refuse_size(f"A start option's name has {len(name)} characters; at most {MAX_NAME_LENGTH} are read.")
    if not name.isprintable():
        _refuse(f"The name of a start option has characters that cannot be shown (got {quoted(name)}).")
    if name.startswith(_FOREIGN_PREFIXES):
        _refuse(
            f"{quoted(name)} is a field of a form that does not fit the team that was named.",
            "Open the start page again and choose there.",
        )
    return len(name)


def _check_value(name: str, value: object) -> int:
    # A subclass of str could compare as something else than it stores; JSON never makes one.
    if type(value) is not str:
        _refuse(f"Start option {quoted(name)} must be one text (got {_type_name(value)}).")
    if len(value) > MAX_VALUE_LENGTH:
        _refuse_size(
            f"Start option {quoted(name)} has {len(value)} characters; at most {MAX_VALUE_LENGTH} are read."
        )
    if not value.isprintable():
        _refuse(f"Start option {quoted(name)} has characters that cannot be shown (got {quoted(value)}).")
    return len(value)


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), "something else")


def _refuse(message: str, remedy: str = "Correct it, or open the start page and choose there.") -> NoReturn:
    raise RefusedError(Refusal(Code.BAD_OPTIONS, message, remedy, status=400))


def _refuse_size(message: str) -> NoReturn:
    remedy = "Send only team, profile and the profile's own options."
    raise RefusedError(Refusal(Code.BAD_OPTIONS, message, remedy, status=413))


def decode_form(formdata: Mapping[str, Any]) -> dict[str, object]:
    """Turn the fields of our start page into options.

    The page works without JavaScript, so that it sends the fields of all teams and profiles. Only those of
    the named team and profile are taken; everything else is either left out (another team's field, which
    every page with two teams sends) or handed on as it is, for `parse_choice` to refuse (a field sent
    twice, a file, a profile of some team without the team). Never raises.

    Args:
        formdata: Field name to the list of its values, as JupyterHub gives it. Fields: `team`;
            `profile:<team>`; `<option>:<team>:<profile>`; `<option>--unlisted-choice:<team>:<profile>`.
            `team`, `profile` and options may be given plainly, too, as another form might do.
    """
    fields = {name: _only(values) for name, values in formdata.items() if name != _XSRF}
    options = {name: value for name, value in fields.items() if ":" not in name}
    team = options.get(TEAM)
    field = f"{PROFILE}:{team}"
    if (
        isinstance(team, str)
        and field in fields
        and options.setdefault(PROFILE, fields[field]) != fields[field]
    ):
        options[field] = fields[field]
    scope = f":{team}:{options.get(PROFILE)}"
    for name, value in fields.items():
        option = name.removesuffix(scope)
        if option != name and option not in {TEAM, PROFILE}:
            options.setdefault(option, value)
        elif not _is_of_another_choice(name, team):
            options[name] = value
    _settle_own_texts(options)
    return options


def _only(values: object) -> object:
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _is_of_another_choice(name: str, team: object) -> bool:
    """Say whether a page with several teams and profiles sends this field beside what was chosen."""
    option, *scope = name.split(":")
    if option == PROFILE:
        return len(scope) == 1 and scope != [""] and isinstance(team, str)
    return len(scope) == 2 and option != TEAM  # noqa: PLR2004 - team and profile


def _settle_own_texts(options: dict[str, object]) -> None:
    """Let each list decide whether the text field below it counts: the page always sends both."""
    for field in [name for name in options if name.endswith(UNLISTED_SUFFIX)]:
        listed = field.removesuffix(UNLISTED_SUFFIX)
        if options.get(listed) == UNLISTED_CHOICE:
            del options[listed]
            text = options[field]
            # A space behind a pasted image is nobody's intention; anything else inside is for the check.
            options[field] = text.strip(" \t") if isinstance(text, str) else text
        elif listed in options:
            del options[field]


def decode_query(query: Mapping[str, Any]) -> dict[str, object]:
    """Turn the arguments of a link such as `/hub/spawn?team=…&profile=…` into options. Never raises.

    Empty where the link names nothing to select: JupyterHub's own start page adds `_xsrf` to its address, so
    that a reload after a refused form comes this way.

    Args:
        query: Argument to the list of its values, with JupyterHub 6's prefix `opt-` or without it. Where one
            has it, those without are no options.
    """
    prefixed = {name.removeprefix("opt-"): value for name, value in query.items() if name.startswith("opt-")}
    return decode_form(prefixed or query)
