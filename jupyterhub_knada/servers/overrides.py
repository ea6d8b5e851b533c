"""The check of `kubespawnerOverride` at load, against KubeSpawner's own traits.

Stock sets any attribute by any name, so that `mem_limt` is silently taken and a wrong type ends the first
start. Here a name has to be a setting of KubeSpawner that a profile may say (`override_rules`), its value
has to pass the trait itself, and what hides inside it (a disk of the node, a variable of the hub) is looked
for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from traitlets import HasTraits, TraitError

from jupyterhub_knada.errors import Code
from jupyterhub_knada.servers.frozen import thaw
from jupyterhub_knada.servers.override_contents import check_contents
from jupyterhub_knada.servers.override_lengths import check_lengths, check_values
from jupyterhub_knada.servers.override_rules import MERGED, OWNED, PASSED, SIZES
from jupyterhub_knada.servers.override_volumes import check_own_mounts
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quoting import got, got_kind
from jupyterhub_knada.teams.suggestions import unknown_override

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from traitlets import TraitType

_OWN_TEXT = "{value}"
_IN_WORDS = {
    "a unicode string": "a text",
    "an int": "a whole number",
    "a boolean": "true or false",
    "a dict": "a mapping",
}
"""What traitlets says of itself, in the words of the team files."""


def check_override(override: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Find everything in one override that KubeSpawner does not take or a profile may not say.

    The first call imports KubeSpawner, which takes over a second.

    Args:
        override: Trait name to value, as a profile, a listed choice or an unlisted choice writes it. In the
            last, `{value}` stands for a text that nobody knows yet: what it holds is checked at the start,
            whether the trait takes a text at all is checked here.

    Returns:
        Faults with the path inside the override; empty where all of it holds. One with too many values is
        not judged further.
    """
    if too_many := check_values((override,)):
        return too_many
    faults: list[Fault] = []
    for name, value in override.items():
        if name in OWNED:
            message = f"not a profile's to override {got(name)}"
            faults.append(Fault(Code.OWNED_OVERRIDE, message, OWNED[name], "remove it", (name,), at_key=True))
        elif name not in MERGED | PASSED or name not in _config_traits():
            faults.append(_unknown(name))
        else:
            found = check_contents(name, _without_own_text(name, value)) or _check_trait(name, value)
            faults.extend(fault.below((name,)) for fault in found)
    lengths = check_lengths(override)
    faults = [fault for fault in faults if not _is_part_of(fault, lengths)]
    return (*faults, *check_own_mounts(override), *lengths)


def _is_part_of(fault: Fault, lengths: Iterable[Fault]) -> bool:
    """Tell whether a wrong value is inside what is too much as a whole, which is judged by its size first."""
    inside = fault.code is Code.BAD_OVERRIDE and len(fault.path) > 1
    return inside and any(fault.path[: len(whole.path)] == whole.path for whole in lengths)


def _without_own_text(name: str, value: Any) -> Any:
    """Give what can be judged of a value in which somebody's own text is to stand; None for nothing."""
    if not isinstance(value, str) or _OWN_TEXT not in value:
        return value
    # What stands around it here is read as a template by the hub itself.
    return value.replace(_OWN_TEXT, "") if name == "slow_spawn_message" else None


def _unknown(name: str) -> Fault:
    known = MERGED | PASSED
    if name in _config_traits():
        # A setting that a newer KubeSpawner brings is nobody's until it has been looked at.
        message = f"not a profile's to override {got(name)}"
        rule = "this setting is not known to be harmless"
        return Fault(Code.OWNED_OVERRIDE, message, rule, "remove it", (name,), at_key=True)
    if name in known:
        rule, remedy = "a newer version of KubeSpawner has it", "remove it"
        message = f"no setting of this KubeSpawner {got(name)}"
        return Fault(Code.BAD_OVERRIDE, message, rule, remedy, (name,), at_key=True)
    message = f"no setting of KubeSpawner {got(name)}"
    rule, remedy = unknown_override(name)
    rule = rule or "names are KubeSpawner's, in lower case with _"
    remedy = remedy or f"remove it, or use one of: {', '.join(sorted(known))}"
    return Fault(Code.BAD_OVERRIDE, message, rule, remedy, (name,), at_key=True)


def _check_trait(name: str, value: Any) -> tuple[Fault, ...]:
    """Ask the trait itself, on an object that has nothing else: a spawner would need a cluster's address."""
    trait = _config_traits()[name]
    if name in SIZES or (value is None and trait.allow_none):
        return ()
    try:
        trait.validate(HasTraits(), thaw(value))  # type: ignore[attr-defined]  # every trait below Any has it
    except TraitError:
        rule = f"KubeSpawner's {name} must be {_IN_WORDS.get(trait.info(), trait.info())}"
        return (Fault(Code.BAD_OVERRIDE, f"not a value of {name} {got_kind(value)}", rule, "correct it"),)
    return ()


@lru_cache(maxsize=1)
def _config_traits() -> Mapping[str, TraitType[Any, Any]]:
    from kubespawner.spawner import KubeSpawner  # noqa: PLC0415 - costs over a second, which `check` may not need

    return dict(KubeSpawner.class_traits(config=True))
