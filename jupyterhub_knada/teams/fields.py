"""The types of single values in team files: a Python type, its reader and what JSON Schema says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams import images, members, names, quantities, readers, user_names, variables
from jupyterhub_knada.teams.allowlist import ENTRY_PATTERN, parse_entry
from jupyterhub_knada.teams.faults import Fault, faults_in
from jupyterhub_knada.teams.quoting import got
from jupyterhub_knada.teams.tally import tally_of
from jupyterhub_knada.teams.variables import Variable

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
    from pydantic.json_schema import JsonSchemaValue

MOST_ENTRIES = 1000
"""Of any list or mapping; a team with more members is better served by a group."""
_YEAR = 365 * 86400


@dataclass(frozen=True, eq=False)
class ReadBy:
    """Reads a value with a function of our own, so that nothing of pydantic's is told to a person."""

    read: Callable[[object], Any]
    schema: Mapping[str, Any]
    """JSON Schema of what the function takes."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Tell pydantic to call `read` and nothing else. Source: pydantic, "Custom types"."""
        return core_schema.with_info_plain_validator_function(self._judge)

    def _judge(self, value: object, info: ValidationInfo) -> Any:
        """Read a value, or give it as it is in a file that has too many faults already."""
        tally = tally_of(info.context)
        if tally.is_full:
            return value
        try:
            return self.read(value)
        except PydanticCustomError as error:
            tally.found += len(faults_in(error))
            raise

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Give a fresh copy: pydantic adds titles and descriptions to it."""
        return dict(self.schema)


def _string(pattern: str | None = None, *, longest: int = 253, shortest: int = 1) -> Mapping[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": shortest, "maxLength": longest}
    return schema | ({"pattern": pattern} if pattern else {})


def _named(
    pattern: str,
    code: Code,
    what: str,
    rule: str,
    longest: int = 253,
    likely: Callable[[str], str] = str.strip,
) -> ReadBy:
    read = readers.name(pattern, code, what, rule, longest=longest, likely=likely)
    return ReadBy(read, _string(f"^{pattern}$", longest=longest))


def _unless(item: ReadBy, reserved: Callable[[str], Fault | None], pattern: str) -> ReadBy:
    return ReadBy(readers.unless(item.read, reserved), {**item.schema, "not": {"pattern": f"^({pattern})$"}})


def _listed(item: ReadBy, *, same: Callable[[Any], object] | None = None, secret: bool = False) -> ReadBy:
    schema = {"type": "array", "items": dict(item.schema), "maxItems": MOST_ENTRIES, "uniqueItems": True}
    return ReadBy(readers.list_of(item.read, MOST_ENTRIES, same=same, secret=secret), schema)


def _mapped(
    check: Callable[[str], Fault | None],
    value: ReadBy,
    key_pattern: str,
    *,
    secret: bool = False,
) -> ReadBy:
    # A person's editor sees `DEBUG: true` and `PORT: 80` as what they are in JSON; we take their text.
    values = {"anyOf": [dict(value.schema), {"type": ["number", "boolean", "null"]}]}
    schema = {
        "type": "object",
        "propertyNames": {"pattern": f"^{key_pattern}$"},
        "additionalProperties": values,
        "maxProperties": MOST_ENTRIES,
    }
    return ReadBy(readers.pairs(check, value.read, MOST_ENTRIES, secret=secret), schema)


_DNS_RULE = "lower-case letters a-z, digits and -, at most 63, with a letter or digit at both ends"
_DURATION_SCHEMA = [
    {"type": "integer", "minimum": 1, "maximum": _YEAR},
    _string(quantities.DURATION_PATTERN, longest=30),
]

_MEMORY = ReadBy(
    readers.quantity(quantities.read_memory),
    _string(quantities.MEMORY_PATTERN, longest=50),
)
_STORAGE = ReadBy(
    readers.quantity(quantities.read_storage),
    _string(quantities.STORAGE_PATTERN, longest=50),
)
_CPU = ReadBy(
    readers.quantity(quantities.read_cpu),
    {
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1024},
            _string(quantities.CPU_PATTERN, longest=50),
        ],
    },
)
_read_duration = readers.quantity(quantities.read_duration)
_USER = ReadBy(members.read_user, _string(f"^{user_names.LISTABLE}$", longest=user_names.LONGEST_BYTES))
_GROUP = ReadBy(members.read_group, _string(longest=members.LONGEST_GROUP))
_ENTRY = ReadBy(readers.allowlist_entry, _string(ENTRY_PATTERN, longest=265))
_LINE = ReadBy(variables.read_line, _string(r"^[^:]+:", longest=variables.LONGEST_VALUE))
_VALUE = ReadBy(variables.read_value, _string(longest=variables.LONGEST_VALUE, shortest=0))
_LABEL_VALUE = _named(
    names.LABEL_VALUE,
    Code.BAD_NAME,
    "a label's value",
    "letters, digits and . _ -, at most 63, with a letter or digit at both ends",
    63,
)
_ANNOTATION_VALUE = ReadBy(
    readers.text(readers.LONGEST_TEXT, "an annotation", secret=True), _string(longest=1000, shortest=0)
)
_OBJECT_NAME = _named(
    names.SUBDOMAIN,
    Code.BAD_NAME,
    "the name of a Kubernetes object",
    "lower-case letters a-z, digits, - and ., with a letter or digit at both ends",
)
_GLOB = _named(
    names.IMAGE_GLOB,
    Code.BAD_IMAGE,
    "an image with wildcards",
    "an image reference in which * stands for any text",
    images.LONGEST_REFERENCE,
)


_KEY_GLOB = _named(
    names.KEY_GLOB,
    Code.BAD_NAME,
    "a key with wildcards",
    "letters, digits and . _ - /, in which * stands for any text",
    317,
)


def _check_key(kind: str, reserved: Callable[[str], Fault | None]) -> Callable[[str], Fault | None]:
    def check(key: str) -> Fault | None:
        if not names.is_name(names.QUALIFIED_NAME, key, longest=317):
            rule = "letters, digits and . _ -, at most 63, optionally behind 'example.org/'"
            message = f"not the key of {kind} {got(key)}"
            return Fault(Code.BAD_NAME, message, rule, "choose another", at_key=True)
        return reserved(key)

    return check


def _not_reserved(_key: str) -> Fault | None:
    """Let every node label be selected: nodes carry labels that pods may not."""
    return None


MemorySize = Annotated[int, _MEMORY]
StorageSize = Annotated[int, _STORAGE]
CpuCount = Annotated[int, _CPU]
Duration = Annotated[int, ReadBy(_read_duration, {"anyOf": _DURATION_SCHEMA})]
IdleTimeout = Annotated[
    int | Literal["never"],
    ReadBy(readers.or_never(_read_duration), {"anyOf": [*_DURATION_SCHEMA, {"const": "never"}]}),
]
Grace = Annotated[
    int | Literal["never"],
    ReadBy(
        readers.or_never(readers.quantity(lambda text: 0 if text == "0" else quantities.read_duration(text))),
        {"anyOf": [{"const": 0}, {"const": "0"}, *_DURATION_SCHEMA, {"const": "never"}]},
    ),
]
GpuCount = Annotated[
    int,
    ReadBy(readers.whole(0, 64, "a number of GPUs"), {"type": "integer", "minimum": 0, "maximum": 64}),
]
_MOST_STARTS = 10_000
StartCount = Annotated[
    int,
    ReadBy(
        readers.whole(1, _MOST_STARTS, "a number of starts"),
        {"type": "integer", "minimum": 1, "maximum": _MOST_STARTS},
    ),
]
Seconds = Annotated[
    int,
    ReadBy(
        readers.whole(0, _YEAR, "a number of seconds"), {"type": "integer", "minimum": 0, "maximum": _YEAR}
    ),
]
Flag = Annotated[bool, ReadBy(readers.flag, {"type": "boolean"})]
Day = Annotated[
    date,
    ReadBy(readers.day, {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
]


def _words(*words: str) -> ReadBy:
    return ReadBy(readers.one_of(*words), {"type": "string", "enum": list(words)})


Interface = Annotated[
    Literal["lab", "notebook", "rstudio", "vscode"], _words("lab", "notebook", "rstudio", "vscode")
]
NamespaceRule = Annotated[Literal["team", "hub"], _words("team", "hub")]
TolerationOperator = Annotated[Literal["Equal", "Exists"], _words("Equal", "Exists")]
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
TolerationEffect = Annotated[Literal["NoSchedule", "PreferNoSchedule", "NoExecute"], _words(*_EFFECTS)]

ShortText = Annotated[str, ReadBy(readers.line(100, "a name"), _string(longest=100))]
ContactText = Annotated[str, ReadBy(readers.line(200, "a contact"), _string(longest=200))]
LongText = Annotated[
    str,
    ReadBy(readers.text(readers.LONGEST_TEXT, "a text"), _string(longest=readers.LONGEST_TEXT, shortest=0)),
]
_NAMESPACE = _named(names.LABEL, Code.BAD_NAME, "a namespace", _DNS_RULE, 63, readers.with_dashes)
Namespace = Annotated[str, _NAMESPACE]
TeamNamespace = Annotated[str, _unless(_NAMESPACE, names.reserved_namespace, names.RESERVED_NAMESPACE)]
HostLabel = Annotated[
    str,
    _named(names.LABEL, Code.BAD_NAME, "the first part of a host name", _DNS_RULE, 63, readers.with_dashes),
]
Slug = Annotated[str, _named(names.LABEL, Code.BAD_NAME, "a team's slug", _DNS_RULE, 63, readers.with_dashes)]
TeamId = Annotated[str, _named(names.LABEL, Code.BAD_NAME, "a team id", _DNS_RULE, 63, readers.with_dashes)]
Domain = Annotated[
    str,
    _named(
        names.SUBDOMAIN,
        Code.BAD_NAME,
        "a domain",
        "lower-case host name without scheme, port and path",
        likely=readers.last_part,
    ),
]
ObjectName = Annotated[str, _OBJECT_NAME]
ServiceAccount = Annotated[str, _unless(_OBJECT_NAME, names.reserved_account, names.RESERVED_ACCOUNT)]
Project = Annotated[
    str,
    _named(
        names.PROJECT_ID,
        Code.BAD_NAME,
        "a Google Cloud project",
        "its id: 6 to 30 lower-case letters, digits and -, a letter first",
        100,
        readers.with_dashes,
    ),
]
SecretId = Annotated[
    str,
    _named(
        names.SECRET_ID,
        Code.BAD_NAME,
        "a secret's id",
        "letters, digits, - and _, without 'projects/…/secrets/'",
        255,
        readers.last_part,
    ),
]
ImageName = Annotated[
    str,
    _named(
        names.IMAGE_NAME,
        Code.BAD_NAME,
        "an image's name",
        "lower-case letters, digits and . _ -, at most 63",
        63,
    ),
]
EntryName = Annotated[
    str,
    _named(names.ENTRY_NAME, Code.BAD_NAME, "a slug", "letters, digits and . _ -, at most 63", 63),
]
PythonVersion = Annotated[
    str,
    _named(
        r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}", Code.BAD_NAME, "a Python version", "numbers joined by points", 11
    ),
]
Image = Annotated[str, ReadBy(readers.image, _string(longest=images.LONGEST_REFERENCE))]
ImageReference = Annotated[str, ReadBy(readers.image_reference, _string(longest=images.LONGEST_REFERENCE))]
Regex = Annotated[str, ReadBy(readers.regex, _string(longest=readers.LONGEST_TEXT, shortest=0))]
_TAINT = _named(
    names.QUALIFIED_NAME,
    Code.BAD_NAME,
    "the key of a taint",
    "letters, digits and . _ -, optionally behind 'example.org/'",
    317,
)
TaintKey = Annotated[str, _unless(_TAINT, names.reserved_taint, names.RESERVED_TAINT)]
LabelValue = Annotated[str, _LABEL_VALUE]

UserNames = Annotated[tuple[str, ...], _listed(_USER)]
GroupNames = Annotated[tuple[str, ...], _listed(_GROUP)]
ObjectNames = Annotated[tuple[str, ...], _listed(_OBJECT_NAME)]
ImageGlobs = Annotated[tuple[str, ...], _listed(_GLOB)]
KeyGlobs = Annotated[tuple[str, ...], _listed(_KEY_GLOB)]
AllowlistEntries = Annotated[tuple[str, ...], _listed(_ENTRY, same=parse_entry)]
VariableLines = Annotated[
    tuple[Variable, ...], _listed(_LINE, same=lambda variable: variable.name, secret=True)
]
VariableMap = Annotated[
    Mapping[str, str | None],
    _mapped(variables.check_variable, _VALUE, names.VARIABLE, secret=True),
]
Labels = Annotated[
    Mapping[str, str | None],
    _mapped(_check_key("a label", names.reserved_label), _LABEL_VALUE, names.QUALIFIED_NAME),
]
Annotations = Annotated[
    Mapping[str, str | None],
    _mapped(
        _check_key("an annotation", names.reserved_annotation),
        _ANNOTATION_VALUE,
        names.QUALIFIED_NAME,
        secret=True,
    ),
]
NodeSelector = Annotated[
    Mapping[str, str | None],
    _mapped(_check_key("a node label", _not_reserved), _LABEL_VALUE, names.QUALIFIED_NAME),
]
Override = Annotated[
    Mapping[str, Any],
    ReadBy(
        readers.override,
        {"type": "object", "additionalProperties": True, "maxProperties": MOST_ENTRIES},
    ),
]


def nothing() -> Mapping[str, Any]:
    """Give the empty mapping, as a default: pydantic cannot copy a read-only one."""
    return MappingProxyType({})
