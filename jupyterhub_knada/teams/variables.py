"""Environment variables of a team: the map `env`, and the old list of strings `extraEnvs`.

A value may be a secret: no message shows one, or the text that it stands in.
"""

from __future__ import annotations

from typing import NamedTuple

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams import names
from jupyterhub_knada.teams.faults import Fault, told
from jupyterhub_knada.teams.quoting import got

LONGEST_VALUE = 32768
"""Characters; Linux takes no more than 128 KiB of a variable."""


class Variable(NamedTuple):
    """One environment variable. Braces in its value have no meaning."""

    name: str
    value: str


def check_variable(name: str) -> Fault | None:
    """Say what is wrong with the name of a variable, if anything."""
    if not names.is_name(names.VARIABLE, name):
        rule = "letters, digits and _ . -, and no digit first"
        return Fault(
            Code.BAD_ENVIRONMENT, f"not a variable's name {got(name)}", rule, "choose another", at_key=True
        )
    return names.reserved_variable(name)


def read_value(value: object) -> str:
    """Read a variable's value: the text of the file, `true` and `3.10` included."""
    if not isinstance(value, str | int):
        message = f"not a single value {got(value)}"
        raise told(Fault(Code.BAD_ENVIRONMENT, message, "a variable is one text", "quote it if it is one"))
    text = str(value)
    if len(text) > LONGEST_VALUE:
        message = f"a value of {len(text)} characters"
        rule = f"at most {LONGEST_VALUE}"
        raise told(Fault(Code.TEXT_TOO_LONG, message, rule, "put it in a file or in the team's secret"))
    if "\0" in text:
        raise told(
            Fault(Code.BAD_ENVIRONMENT, "a value with a NUL in it", "a variable ends there", "remove it")
        )
    return text


def read_line(value: object) -> Variable:
    """Read one line of `extraEnvs`: the name ends at the first colon, one blank behind it is dropped."""
    rule = "each entry is a string 'NAME: value'"
    if hasattr(value, "keys"):
        message = "a mapping, because the line stands without quotes"
        raise told(Fault(Code.BAD_ENVIRONMENT, message, rule, "put the whole line in quotes, or use 'env'"))
    text = read_value(value)
    name, colon, rest = text.partition(":")
    if not colon:
        # The text may be a value that a wrong line break cut off: it is not shown.
        remedy = "write 'NAME: value'" if "=" in text else "write 'NAME: value', in one line"
        raise told(Fault(Code.BAD_ENVIRONMENT, "a line without a colon", rule, remedy))
    if not names.is_name(names.VARIABLE, name.strip()):
        # What stands before a colon may be the beginning of a value: it is not shown.
        message = "no variable's name before the colon"
        raise told(Fault(Code.BAD_ENVIRONMENT, message, rule, "write 'NAME: value'"))
    fault = check_variable(name.strip())
    if fault is not None:
        raise told(fault)
    return Variable(name.strip(), rest.removeprefix(" "))
