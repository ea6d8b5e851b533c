"""What was meant by a key that a mapping does not have: another word for one of its keys, or another place.

The commonest slips are a key one level too high or too deep, and the word that KubeSpawner, the chart or
everyday language has for it. A near miss in letters comes last: `default_url` is not `default`.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.model import Bounds, Defaults, IdleTimeoutBounds, PlatformFile, TeamFile
from jupyterhub_knada.teams.options import OptionChoice, UnlistedChoice
from jupyterhub_knada.teams.override_names import OVERRIDABLE
from jupyterhub_knada.teams.profiles import Profile, Resources
from jupyterhub_knada.teams.quoting import folded, got, suggestion
from jupyterhub_knada.teams.settings import Culling, Settings, Storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyterhub_knada.teams.file_model import FileModel

_SYNONYMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "admins": "leads",
        "allowedteams": "allowedGroups",
        "autostop": "idleTimeout",
        "cores": "cpuLimit",
        "capacity": "size",
        "cpu": "cpuLimit",
        "cpurequest": "cpuGuarantee",
        "cpus": "cpuLimit",
        "cull": "idleTimeout",
        "culltimeout": "idleTimeout",
        "disk": "size",
        "diskspace": "size",
        "dockerimage": "image",
        "egress": "allowlist",
        "environment": "env",
        "environmentvariables": "env",
        "envs": "env",
        "extraannotations": "annotations",
        "extraenv": "env",
        "extralabels": "labels",
        "extratolerations": "tolerations",
        "gpus": "gpu",
        "hosts": "allowlist",
        "idle": "idleTimeout",
        "maxidle": "idleTimeout",
        "mem": "memoryLimit",
        "memguarantee": "memoryGuarantee",
        "memlimit": "memoryLimit",
        "memory": "memoryLimit",
        "memoryrequest": "memoryGuarantee",
        "memrequest": "memoryGuarantee",
        "members": "users",
        "name": "displayName",
        "override": "kubespawnerOverride",
        "overrides": "kubespawnerOverride",
        "owners": "leads",
        "people": "users",
        "profilelist": "profiles",
        "profileoptions": "options",
        "pullsecrets": "imagePullSecrets",
        "ram": "memoryLimit",
        "shm": "sharedMemory",
        "storagecapacity": "size",
        "storageclass": "class",
        "storagesize": "size",
        "timeout": "idleTimeout",
        "title": "displayName",
        "user": "users",
        "variables": "env",
        "vcpu": "cpuLimit",
    }
)
"""Words of everyday language, KubeSpawner and the chart (`folded`) -> the key that they stand for."""

_OF_OVERRIDES: Final[Mapping[str, str]] = MappingProxyType(
    {
        folded(key): setting
        for key, setting in {
            "annotations": "extra_annotations",
            "cpuGuarantee": "cpu_guarantee",
            "cpuLimit": "cpu_limit",
            "env": "environment",
            "gpu": "extra_resource_limits",
            "imagePullSecrets": "image_pull_secrets",
            "labels": "extra_labels",
            "memoryGuarantee": "mem_guarantee",
            "memoryLimit": "mem_limit",
            "nodeSelector": "node_selector",
        }.items()
    }
)
"""What KubeSpawner calls the settings that our files have under other names."""


class Place(NamedTuple):
    """Somewhere that a key may have been meant for."""

    home: str
    """The model that has the key, by its name; `override` for KubeSpawner's settings."""
    keys: frozenset[str]
    rule: str
    """Whose key it is."""
    remedy: str
    """What to do, with `{}` for the key."""


class Meant(NamedTuple):
    """What a key was probably meant to be."""

    name: str
    place: Place | None = None
    """None: the mapping that it stands in has it."""
    is_same_word: bool = True
    """Whether it is written as the key is, but for case, `-` and `_`."""

    @property
    def rule(self) -> str:
        """Whose key it is."""
        if self.place is None or self.is_same_word:
            return self.place.rule if self.place else ""
        return self.place.rule.replace("it", repr(self.name), 1)

    @property
    def remedy(self) -> str:
        """What to do."""
        return self.place.remedy.format(self.name) if self.place else f"did you mean {self.name!r}?"


def _below(key: str, model: type[FileModel]) -> Place:
    return Place(model.__name__, model.keys(), f"it is a key of {key!r}", f"write '{key}: {{{{{{}}: …}}}}'")


def _of(model: type[FileModel], rule: str, remedy: str, keys: frozenset[str] | None = None) -> Place:
    return Place(model.__name__, model.keys() if keys is None else keys, rule, remedy)


_OF_KUBESPAWNER = "it is a setting of KubeSpawner"
_OVERRIDE = Place(
    "override", OVERRIDABLE, _OF_KUBESPAWNER, "write it below the kubespawnerOverride of a profile"
)
_IN_OVERRIDE = Place("override", OVERRIDABLE, _OF_KUBESPAWNER, "write 'kubespawnerOverride: {{{}: …}}'")
_IN_TEAM = _of(TeamFile, "it is a key of the team's file", "write it there, beside 'profiles'")
_IN_PROFILE = _of(Profile, "it is a key of a profile", "write it in an entry of 'profiles'")
_IN_PLATFORM = _of(PlatformFile, "it is a key of the platform's file", "write it there")
_IN_BOUNDS = _of(Bounds, "it is a key of the platform's 'bounds'", "write it there")
_IN_DEFAULTS = _of(Defaults, "it is a key of the platform's 'defaults'", "write it there")
_OF_SETTINGS = (_below("resources", Resources), _below("culling", Culling), _below("storage", Storage))
_HIGHER = "it stands one level higher"
_OF_THE_PROFILE = _of(Profile, "it is a key of the profile", "write it beside 'options'")
_IN_BOTH = TeamFile.keys() & Profile.keys()
_PLACES: Final[Mapping[str, tuple[Place, ...]]] = MappingProxyType(
    {
        "TeamFile": (*_OF_SETTINGS, _IN_PROFILE, _OVERRIDE, _IN_PLATFORM, _IN_BOUNDS),
        "Defaults": (*_OF_SETTINGS, _IN_PROFILE, _OVERRIDE, _IN_TEAM, _IN_PLATFORM, _IN_BOUNDS),
        "PlatformFile": (
            _below("defaults", Defaults),
            _below("bounds", Bounds),
            _IN_PROFILE,
            _IN_TEAM,
            _OVERRIDE,
        ),
        "Bounds": (_below("idleTimeout", IdleTimeoutBounds), _IN_PLATFORM, _IN_DEFAULTS),
        "Resources": (_of(TeamFile, _HIGHER, "write it beside 'resources'", _IN_BOTH),),
        "Storage": (_of(Settings, _HIGHER, "write it beside 'storage'"),),
        "Culling": (_of(Settings, _HIGHER, "write it beside 'culling'"),),
        "Profile": (_below("resources", Resources), _IN_OVERRIDE, _IN_TEAM),
        "ProfileOption": (
            _of(OptionChoice, "it is a key of a choice", "write it in an entry of 'choices'"),
            _below("unlistedChoice", UnlistedChoice),
            _OVERRIDE._replace(remedy="write it below the kubespawnerOverride of a choice"),
            _OF_THE_PROFILE,
        ),
        "OptionChoice": (
            _IN_OVERRIDE,
            _of(UnlistedChoice, "it is a key of 'unlistedChoice'", "write it there"),
            _OF_THE_PROFILE,
        ),
        "UnlistedChoice": (_IN_OVERRIDE, _OF_THE_PROFILE),
        "override": (
            _of(
                Profile,
                "it is a key of the profile, not of its override",
                "write it in the profile, beside kubespawnerOverride",
            ),
            _of(
                TeamFile,
                "it is a key of the team's file, not of an override",
                "write it there, beside 'profiles'",
            ),
        ),
    }
)
"""Where the keys of each model may have been meant for, the nearest place first."""

_SYNONYMS_OF: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"Bounds": dict.fromkeys(("storage", "disk", "size", "diskspace"), "storageSize")}
)
"""Words that stand for another key in one model than they do elsewhere."""
_SURE: Final = 0.85
"""How near a miss must be to be taken for a key of another place: there are many."""

_NO_GUESS: Final = frozenset({"id", "movedFrom"})
"""Keys that are no near miss of anything: what hangs on a team's id moves with it."""
_NO_LIKE: Final[Mapping[tuple[str, str], tuple[str, str]]] = MappingProxyType(
    {
        ("PlatformFile", "namespace"): (
            "the platform's file says by 'namespaces' where servers run",
            "write 'namespaces: hub' for the hub's own namespace, and a team's namespace in its file",
        ),
        ("Profile", "allowedusers"): (
            "a profile is for members of groups, not for single persons",
            "write 'allowedGroups' with a group of theirs",
        ),
        ("Resources", "limits"): (
            "Kubernetes' limits and requests have keys of their own here",
            "write memoryLimit and cpuLimit",
        ),
        ("Resources", "requests"): (
            "Kubernetes' limits and requests have keys of their own here",
            "write memoryGuarantee and cpuGuarantee",
        ),
    }
)
"""Model and key (`folded`) that have no like here -> rule and remedy."""
_MOST_GUESSES: Final = 500
"""Keys of one file for which near misses are looked up: each is compared with some hundred others."""
_guesses_left: Final[ContextVar[list[int] | None]] = ContextVar("_guesses_left", default=None)
"""None: no file is judged, and there is no bound."""

_OF_THE_CHART: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(
        ("extraFiles", "extra_files"), "the chart of zero-to-jupyterhub makes a secret and a volume of it"
    )
)
"""Settings of the chart that have no like here -> why."""


@contextlib.contextmanager
def bounded_guesses() -> Iterator[None]:
    """Within the block, which judges one file, look up near misses for the first keys only.

    A file can have tens of thousands of unknown keys, of which 200 are shown.
    """
    token = _guesses_left.set([_MOST_GUESSES])
    try:
        yield
    finally:
        _guesses_left.reset(token)


def _may_guess() -> bool:
    left = _guesses_left.get()
    if left is None:
        return True
    left[0] -= 1
    return left[0] >= 0


def unknown_key(model: type[FileModel], key: str) -> Fault:
    """Say that a mapping has no such key, and which one was probably meant, or where."""
    known = model.keys()
    rule, remedy = f"known here: {', '.join(sorted(known))}", "remove it"
    if (no_like := _NO_LIKE.get((model.__name__, folded(key)))) is not None:
        rule, remedy = no_like
    elif (meant := find_meant(model.__name__, key, known)) is not None:
        rule, remedy = meant.rule, meant.remedy
    return Fault(Code.UNKNOWN_KEY, f"unknown key {got(key)}", rule, remedy, path=(key,), at_key=True)


def unknown_override(key: str) -> tuple[str, str]:
    """Give rule and remedy for a key that no override has; both are empty where nothing is known of it."""
    if key in _OF_THE_CHART:
        return _OF_THE_CHART[key], "put the files into the image, or ask the platform's admins to mount them"
    meant = find_meant("override", key, OVERRIDABLE)
    return (meant.rule, meant.remedy) if meant is not None else ("", "")


def find_meant(home: str, key: str, known: Iterable[str]) -> Meant | None:
    """Find a key by what it is: spelt otherwise, meant otherwise, meant elsewhere, misspelt.

    Args:
        home: The model's name, or `override`.
        key: What stands there.
        known: The keys that the mapping may have.
    """
    here, places = _folded_keys(frozenset(known)), _PLACES.get(home, ())
    spellings = [folded(name) for name in _spellings(home, key)]
    for name in spellings:
        if name in here:
            return Meant(here[name])
    for name in spellings:
        for place in places:
            there = _folded_keys(place.keys)
            if name in there:
                return Meant(there[name], place, is_same_word=name == spellings[0])
    if not _may_guess():
        return None
    near = suggestion(key, set(here.values()) - _NO_GUESS)
    if near is not None:
        return Meant(near)
    nearby = ((suggestion(key, place.keys - _NO_GUESS, cutoff=_SURE), place) for place in places)
    return next((Meant(near, place, is_same_word=False) for near, place in nearby if near is not None), None)


@cache
def _folded_keys(keys: frozenset[str]) -> Mapping[str, str]:
    return MappingProxyType({folded(name): name for name in keys})


def _spellings(home: str, key: str) -> Iterator[str]:
    """Give a key, the one that it is another word for, and what KubeSpawner calls the two."""
    word = folded(key)
    ours = _SYNONYMS_OF.get(home, {}).get(word) or _SYNONYMS.get(word, "")
    yield key
    yield from (name for name in (ours, _OF_OVERRIDES.get(word), _OF_OVERRIDES.get(folded(ours))) if name)
