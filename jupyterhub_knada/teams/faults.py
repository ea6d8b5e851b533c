"""A rule's no inside a file, before it is known where in the file the value stands.

Rules raise or collect `Fault`s, the models carry them through pydantic, and `loading` turns them into
`Problem`s with file, line and column. pydantic's own words never reach a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.quoting import got

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Path = tuple[str | int, ...]
"""Where a value stands in a file: keys and list positions from the top, e.g. `("users", 2)`."""

_FAULTS = "faults"
_KEY_MARK = "[key]"
"""What pydantic puts behind the path of a key that it does not take."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with one value."""

    code: Code
    message: str
    """What is wrong, with `(got …)` where there is a value to show."""
    rule: str
    remedy: str
    path: Path = ()
    """Below the value that the rule was asked about."""
    at_key: bool = False
    """Whether the key is what is wrong, so that its position is shown and not its value's."""

    def below(self, path: Path) -> Fault:
        """Give the same fault as seen from further up."""
        return replace(self, path=path + self.path)


def told(*faults: Fault) -> PydanticCustomError:
    """Wrap faults so that a pydantic validator can raise them."""
    summary = "; ".join(f"{fault.message}; {fault.rule}" for fault in faults)
    return PydanticCustomError("fault", "{summary}", {"summary": summary, _FAULTS: faults})


def faults_in(error: PydanticCustomError) -> tuple[Fault, ...]:
    """Give back what `told` wrapped."""
    return cast("tuple[Fault, ...]", (error.context or {})[_FAULTS])


def with_faults(
    error: ValidationError | None, faults: Iterable[Fault], title: str
) -> tuple[ValidationError, int]:
    """Add faults to what pydantic found, so that all of it is told at once; and count what that is."""
    lines = [InitErrorDetails(type=told(fault), loc=(), input=None) for fault in faults]
    count = len(lines)
    if error is not None:
        inner = error.errors(include_url=False)
        count += sum(len(found.get("ctx", {}).get(_FAULTS, ())) or 1 for found in inner)
        lines = [_line(found) for found in inner] + lines
    return ValidationError.from_exception_data(title, lines), count


def _line(found: Mapping[str, Any]) -> InitErrorDetails:
    context = found.get("ctx", {})
    faults = context.get(_FAULTS)
    kind: str | PydanticCustomError = told(*faults) if faults else found["type"]
    return InitErrorDetails(type=kind, loc=found["loc"], input=found["input"], ctx=context)


def faults_of(error: ValidationError) -> tuple[Fault, ...]:
    """Read everything out of a `ValidationError` of one of this package's models."""
    faults: list[Fault] = []
    for found in error.errors(include_url=False):
        path = found["loc"]
        is_key = path[-1:] == (_KEY_MARK,)
        own = cast("tuple[Fault, ...]", found.get("ctx", {}).get(_FAULTS, ()))
        told_here = own or (_of_pydantic(found["type"], found["input"]),)
        if is_key:
            told_here, path = tuple(replace(fault, at_key=True) for fault in told_here), path[:-1]
        faults.extend(fault.below(path) for fault in told_here)
    return tuple(faults)


def too_many(count: int, most: int, path: Path = ()) -> Fault:
    """Say that a list or mapping has more entries than are judged."""
    return Fault(Code.OUT_OF_RANGE, f"too many entries (got {count})", f"at most {most}", "remove some", path)


def missing_key(path: Path = ()) -> Fault:
    """Say that a required key is not there."""
    return Fault(Code.MISSING_KEY, "missing", "this key is required", "add it", path)


def _of_pydantic(kind: str, value: object) -> Fault:
    """Say in our words what pydantic's own checks found; only these kinds can come from the models."""
    if kind == "missing":
        return missing_key()
    if kind in {"model_type", "model_attributes_type", "dict_type", "mapping_type"}:
        return Fault(
            Code.WRONG_TYPE,
            f"not a mapping {got(value)}",
            "'key: value' lines are expected here",
            "write them",
        )
    if kind in {"tuple_type", "list_type"}:
        remedy = "write it as a list: start each line with '- '"
        return Fault(Code.WRONG_TYPE, f"not a list {got(value)}", "a list is expected here", remedy)
    return Fault(
        Code.WRONG_TYPE, f"not usable here {got(value)}", "see the reference of this key", "change it"
    )
