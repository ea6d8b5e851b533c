"""How much files may put into a pod: whoever follows the pods of the cluster is sent all of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.levels import Level, find, merge
from jupyterhub_knada.teams.trees import thawed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.faults import Path
    from jupyterhub_knada.teams.file_view import FileView
    from jupyterhub_knada.teams.model import PlatformFile, Profile, TeamFile

MOST_JSON: Final = 65_536
"""Bytes, as Kubernetes writes them, of a team's settings; and as many of all overrides of one start."""
MOST_POD_JSON: Final = 3 * MOST_JSON
"""Bytes of a whole pod: a third of it is left to the hub. Source: etcd takes 1.5 MB of one object."""
MOST_VARIABLES: Final = 1000
"""Environment variables that files give one server; the hub's own come on top."""
MOST_REFERENCES: Final = 100
"""How often `$(` stands in the variables of one server.

KubeSpawner looks from each to the end of its text, and sorts the variables by what they refer to in as many
rounds as a chain of references is long, on the hub's event loop. Source: `objects.make_pod`, 7.0 and 7.1.
"""

_ESCAPED: Final = MappingProxyType({"<": 5, ">": 5, "&": 5, "\u2028": 3, "\u2029": 3})
"""What the API server writes as six bytes, `\\u003c`: by how many these are more than the sign's own.

Source: Go, encoding/json `HTMLEscape`.
"""
_REFERENCE: Final = "$("


def length_as_json(value: Any) -> int:
    """Count the bytes of a value as Kubernetes writes it, in UTF-8."""
    text = json.dumps(thawed(value), separators=(",", ":"), ensure_ascii=False)
    # Half a character pair may stand in a member's own text: no UTF-8, but no reason to end with an error.
    return len(text.encode(errors="surrogatepass")) + sum(
        more * text.count(sign) for sign, more in _ESCAPED.items()
    )


def name_largest(parts: Mapping[str, Any], measure: Callable[[Any], int] = length_as_json) -> tuple[str, int]:
    """Give the name of the largest of some parts, at least one, and its measure."""
    sizes = {name: measure(part) for name, part in parts.items()}
    largest = max(sizes, key=lambda name: sizes[name])
    return largest, sizes[largest]


def check_variables(variables: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Find more variables, or references to others among them, than one server has."""
    found = []
    if len(variables) > MOST_VARIABLES:
        message = f"{len(variables)} variables"
        rule = f"a server has at most {MOST_VARIABLES}"
        found.append(Fault(Code.OUT_OF_RANGE, message, rule, "put them into a file, or into the image"))
    return (*found, *check_references(variables.values()))


def check_references(values: Iterable[Any]) -> tuple[Fault, ...]:
    """Find more references to other variables than one server has; what is no text has none."""
    count = sum(value.count(_REFERENCE) for value in values if isinstance(value, str))
    if count <= MOST_REFERENCES:
        return ()
    message = f"{count} references '{_REFERENCE}' in variables"
    rule = f"a server has at most {MOST_REFERENCES} of them"
    return (Fault(Code.OUT_OF_RANGE, message, rule, "write out what they refer to, or use a file"),)


def check_defaults(view: FileView[PlatformFile], platform: PlatformFile) -> Iterable[Problem]:
    """Check how much the platform's file puts into the pod of every team."""
    yield from (view.tell(fault) for fault in _carried((_defaults(view, platform),), ("defaults",)))


def check_carried(
    view: FileView[TeamFile], team: TeamFile, platform_view: FileView[PlatformFile], platform: PlatformFile
) -> Iterable[Problem]:
    """Check how much a team's file and the platform's defaults put into the pods of the team."""
    levels = (Level(team, view.file, view.positions), _defaults(platform_view, platform))
    if found := tuple(_carried(levels, ())):
        yield from map(view.tell, found)
        return
    variables = _variables(levels)
    for index, profile in enumerate(team.profiles):
        for fault in _of_profile(variables, profile):
            yield view.tell(fault.below(("profiles", index)))


def _defaults(view: FileView[PlatformFile], platform: PlatformFile) -> Level:
    return Level(platform.defaults, view.file, view.positions, ("defaults",))


def _variables(levels: Iterable[Level]) -> dict[str, Any]:
    return {name: said.value for name, said in merge(levels, "extra_envs", "env").items()}


def _carried(levels: tuple[Level, ...], path: Path) -> Iterator[Fault]:
    variables = _variables(levels)
    key = "env" if "env" in levels[0].says.model_fields_set else "extraEnvs"
    found = check_variables(variables)
    yield from (fault.below((*path, key)) for fault in found)
    parts = {key: variables, **dict(_others(levels))}
    size = 0 if found else length_as_json(list(parts.values()))
    if size > MOST_JSON:
        largest, most = name_largest(parts)
        message = f"settings of {size} bytes as JSON in each pod, {most} of them in {largest}"
        rule = f"at most {MOST_JSON}: everybody who follows the pods of the cluster is sent all of it"
        yield Fault(Code.OUT_OF_RANGE, message, rule, "put it into a file, or into the image", path)


def _others(levels: tuple[Level, ...]) -> Iterator[tuple[str, Any]]:
    """Give what else of a team's settings stands in the pod, by the key of the file."""
    for name, key in (
        ("labels", "labels"),
        ("annotations", "annotations"),
        ("node_selector", "nodeSelector"),
    ):
        yield key, {name: said.value for name, said in merge(levels, name).items()}
    for name, key in (("allowlist", "allowlist"), ("image_pull_secrets", "imagePullSecrets")):
        said = find(levels, (name,))
        yield key, said.value if said is not None else ()
    said = find(levels, ("tolerations",))
    yield "tolerations", [toleration.to_kubernetes() for toleration in said.value] if said is not None else ()


def _of_profile(variables: Mapping[str, Any], profile: Profile) -> tuple[Fault, ...]:
    """Find what a profile's variables are too many for, together with the team's own; not by themselves."""
    own = profile.kubespawner_override.get("environment")
    if not isinstance(own, Mapping) or check_variables(own):
        return ()
    said = {name: value for name, value in own.items() if value is not None}
    path = ("kubespawnerOverride", "environment")
    return tuple(fault.below(path) for fault in check_variables({**said, **variables}))
