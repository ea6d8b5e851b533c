"""One file judged by itself: text, YAML and model; everything that is wrong is told at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.file_model import FileModel
from jupyterhub_knada.teams.file_view import FileView
from jupyterhub_knada.teams.positions import TOP, Position, Positions
from jupyterhub_knada.teams.quoting import got
from jupyterhub_knada.teams.salvage import copied, cut, judge_tree
from jupyterhub_knada.teams.tally import counted
from jupyterhub_knada.teams.yaml_nodes import YamlText, read_yaml
from jupyterhub_knada.teams.yaml_syntax import PlacedFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


M = TypeVar("M", bound=FileModel)

NOWHERE = Positions(values={}, keys={})


def judge_text(file: str, text: str, model: type[M], required: Mapping[str, Any]) -> FileView[M]:
    """Judge one file's text.

    Args:
        file: as messages name it.
        text: the file's content.
        model: what the file must hold.
        required: stand-ins for the model's required keys, so that the rest can be judged without them.
    """
    yaml = read_yaml(text)
    blank: FileView[M] = FileView(file, None, yaml.positions, None, None, frozenset(), ())
    faults = list(yaml.faults)
    if not isinstance(yaml.value, dict) and yaml.is_whole:
        faults.append(PlacedFault(yaml.positions.at(()), _no_mapping(yaml.value, required)))
    if not isinstance(yaml.value, dict) or not yaml.is_whole:
        return _with_problems(blank, faults, ())
    if yaml.is_cut:
        yaml = replace(yaml, unread=(*yaml.unread, *((key,) for key in model.keys() - yaml.value.keys())))
    found = judge_tree(_readable(yaml, required), model, required, yaml.positions)
    is_wrong = any(placed.severity is Severity.ERROR for placed in faults)
    unsaid = found.unsaid | {str(path[0]) for path in yaml.unread if path}
    whole = None if is_wrong else found.model
    view: FileView[M] = FileView(file, yaml.value, yaml.positions, whole, found.part, unsaid, ())
    return _with_problems(view, faults, found.faults)


def _readable(yaml: YamlText, required: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tree without what could not be read: nobody is to be blamed for its not being there."""
    if not yaml.unread:
        found: dict[str, Any] = yaml.value
        return found
    rest: dict[str, Any] = copied(yaml.value)
    for path in yaml.unread:
        cut(rest, path, required)
        rest |= {key: value for key, value in required.items() if path[:1] == (key,) and key not in rest}
    return rest


def unreadable(file: str, fault: Fault, position: Position = TOP) -> FileView[Any]:
    """Give the view of a file that has no text to judge."""
    view: FileView[Any] = FileView(file, None, NOWHERE, None, None, frozenset(), ())
    return _with_problems(view, [PlacedFault(position, fault)], ())


def judge_nothing(model: type[M]) -> FileView[M]:
    """Give the view of a file that is not there and need not be."""
    nothing = model()
    return FileView("platform.yaml", None, NOWHERE, nothing, nothing, frozenset(), ())


def _with_problems(view: FileView[M], placed: Iterable[PlacedFault], faults: Iterable[Fault]) -> FileView[M]:
    problems = [view.tell(fault) for fault in faults]
    for position, fault, severity in placed:
        told = view.tell(fault, severity)
        problems.append(replace(told, line=position.line, column=position.column))
    return replace(view, problems=tuple(counted(problems)))


def _no_mapping(value: Any, required: Mapping[str, Any]) -> Fault:
    message = "an empty file" if value is None else f"not a mapping {got(value)}"
    # An empty platform file is no "nothing to say": a lost text would remove all bounds.
    remedy = describe_least(required) if required else "write '{}' if it shall say nothing"
    return Fault(Code.FILE_EMPTY, message, "a file has lines 'key: value'", remedy)


def describe_least(keys: Iterable[str]) -> str:
    """Say what a file needs that has nothing yet."""
    return f"write at least {' and '.join(keys)}"
