"""How this package says no: problems of team files, refusals to people, and the codes of both.

Every message has the same four parts, in this order: what is wrong, where, the rule, what to do.
This module imports nothing of the package and nothing of JupyterHub, so that each room can use it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


def printable(text: str) -> str:
    """Give a text that can stand in a log or a terminal: what is not printable is escaped.

    Control characters could forge lines or colours, marks of direction reorder what is read.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text
    )


class Severity(StrEnum):
    """How much a problem weighs."""

    ERROR = "error"
    """The file's team is not served (or keeps its last good version)."""
    WARNING = "warning"
    """The file is served; somebody should see to it."""


class Code(Enum):
    """The stable names of everything that this package refuses, and what each means.

    The value is printed behind the message, in brackets, and is what the docs are indexed by.
    `C`: team files. `A`: sign-in. `S`: what may be started. `K`: Kubernetes. `H`: the hub's configuration.
    A code is never given a second meaning.
    """

    title: str

    def __new__(cls, value: str, title: str) -> Self:
        """Keep the title beside the value, so that the docs need no second table."""
        member = object.__new__(cls)
        member._value_ = value
        member.title = title
        return member

    def __str__(self) -> str:
        return str(self.value)

    FILE_UNREADABLE = "KNADA-C001", "A file or folder cannot be read"
    FILE_ENCODING = "KNADA-C002", "A file is not UTF-8 text"
    YAML_SYNTAX = "KNADA-C003", "A file is not valid YAML"
    YAML_DUPLICATE_KEY = "KNADA-C004", "A key stands twice in one mapping"
    YAML_REFUSED_FEATURE = (
        "KNADA-C005",
        "Something of YAML that team files do not have, such as a tag, or aliases that repeat too much",
    )
    FILE_EMPTY = "KNADA-C006", "A file without a mapping"
    FILE_NAME = "KNADA-C007", "A file's name cannot be a team's slug"
    UNKNOWN_KEY = "KNADA-C010", "A key that no team or platform file has"
    MISSING_KEY = "KNADA-C011", "A required key is missing"
    WRONG_TYPE = "KNADA-C012", "A value has the wrong shape"
    BAD_QUANTITY = "KNADA-C013", "Not a memory size, number of CPUs or duration"
    OUT_OF_RANGE = "KNADA-C014", "A value outside its range, or a guarantee above its limit"
    OVER_BOUND = "KNADA-C015", "A value over a bound of the platform"
    LISTED_TWICE = "KNADA-C016", "The same entry twice in one list"
    BAD_USER_NAME = "KNADA-C017", "Not a user name"
    BAD_NAME = "KNADA-C018", "Not a name that Kubernetes accepts"
    RESERVED_NAME = "KNADA-C019", "A name that belongs to the platform or to Kubernetes"
    BAD_ALLOWLIST_ENTRY = "KNADA-C020", "An allowlist entry that the egress webhook or the platform refuses"
    BAD_IMAGE = "KNADA-C021", "Not an image reference"
    IMAGE_WITHOUT_TAG = "KNADA-C022", "An image without a tag or digest"
    IMAGE_NOT_ALLOWED = "KNADA-C023", "An image outside the platform's bounds"
    UNKNOWN_IMAGE = "KNADA-C024", "A name that no platform image has"
    TWO_SPELLINGS = "KNADA-C025", "One setting written in two ways"
    BAD_ENVIRONMENT = "KNADA-C026", "Not an environment variable"
    BAD_PROFILE = "KNADA-C027", "Profiles that contradict each other"
    BAD_OVERRIDE = "KNADA-C028", "A kubespawnerOverride that KubeSpawner rejects"
    OWNED_OVERRIDE = "KNADA-C029", "A kubespawnerOverride of something that this package decides"
    BAD_REGEX = "KNADA-C030", "Not a regular expression"
    CLAIMED_TWICE = "KNADA-C031", "Two team files that claim what only one team may have"
    TEXT_TOO_LONG = "KNADA-C032", "A text that is too long"
    BAD_IMAGE_LIST = "KNADA-C033", "Platform images that contradict each other"
    UNKNOWN_TEAM = "KNADA-C034", "A team that no file describes"
    NO_PROJECT = "KNADA-C040", "No project: KNADA_TEAM_SECRET is not set"
    NO_IDENTITY = "KNADA-C041", "A secret without an identity that may read it"
    NAMESPACE_UNUSED = "KNADA-C042", "A namespace that is not used"
    IMAGE_END_OF_LIFE = "KNADA-C043", "An image past its end of life"
    NO_MEMBERS = "KNADA-C044", "A team that nobody can use"
    NO_EFFECT = "KNADA-C045", "A setting of another program, which has no effect here"
    NO_TEAM_FILES = "KNADA-C046", "A folder of teams without a team's file, or with files that are not read"
    COMMENT_AS_VALUE = "KNADA-C047", "A value that YAML reads as a comment"
    CREDENTIAL_IN_FILE = "KNADA-C048", "A variable that looks like a credential"
    VARIABLE_OF_IMAGE = "KNADA-C049", "A variable that replaces one of the image's own"
    CONFUSABLE_NAMES = "KNADA-C050", "Two teams with names that look the same"

    NO_TEAM = "KNADA-A001", "Someone in no team"
    CLAIM_MISSING = "KNADA-A002", "A sign-in without the claim that teams are decided by"
    BAD_IDENT = "KNADA-A003", "A sign-in without a usable user name"
    PROVIDER_FAILED = "KNADA-A004", "An identity provider that refused or did not answer"

    BAD_OPTIONS = "KNADA-S001", "Start options of the wrong shape"
    TEAM_NOT_YOURS = "KNADA-S002", "A team that this person is not in, or that does not exist"
    TEAM_UNDECIDED = "KNADA-S003", "Several teams and none named"
    UNKNOWN_PROFILE = "KNADA-S004", "A profile that the team does not have"
    UNKNOWN_OPTION = "KNADA-S005", "A choice that the profile does not offer"
    NOTHING_TO_OFFER = "KNADA-S006", "Nothing that this person may start"
    TEAM_CLOSED = "KNADA-S007", "A team whose file has errors"
    HOME_GONE = "KNADA-S008", "A home that was there and is gone"
    HOME_NOT_YOURS = "KNADA-S009", "A claim that belongs to another person or team"
    HOME_MOVED = "KNADA-S010", "A team that moved to another namespace or id"
    PLATFORM_CLOSED = "KNADA-S011", "A platform file that has errors"
    NAMESPACE_OF_HUB = "KNADA-S012", "A team whose namespace is the hub's own"
    OTHER_TEAM_RUNS = "KNADA-S013", "A server of another team is there, and one team at a time is allowed"
    BODY_TOO_LARGE = "KNADA-S014", "A request whose body is larger than the hub reads"
    TEAM_STARTS_ENOUGH = "KNADA-S015", "As many servers of one team start as may at once"

    HUB_SETTING = "KNADA-H001", "A setting of the hub that this package cannot work with"
    CULLER_STOPPED = "KNADA-H002", "A pass of the culler that stopped nothing: it could not ask the hub"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in one file, told so that it can be mended without asking anybody."""

    file: str
    """As the person named it: relative to the checked folder, e.g. `teams/kyrre.yaml`."""
    line: int
    """1-based; 1 where the whole file is meant, 0 where there is no such file."""
    column: int
    """1-based, in characters; 0 where there is no such file."""
    field: str
    """Path of the value, e.g. `users[2]` or `resources.memoryLimit`; empty for the whole file."""
    code: Code
    message: str
    """What is wrong, with `(got …)` where there is a value to show."""
    rule: str
    remedy: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """Give `file:line:column: field: what is wrong (got X); rule; do this [code]`."""
        where = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: "
        field = f"{self.field}: " if self.field else ""
        warning = "warning: " if self.severity is Severity.WARNING else ""
        told = "; ".join(part for part in (self.message, self.rule, self.remedy) if part)
        return printable(f"{where}{warning}{field}{told} [{self.code}]")

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form that `check --format json` documents."""
        return {**asdict(self), "code": str(self.code), "severity": str(self.severity)}


def sort_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Order problems as a reader meets them: by file, then by position; each told once."""
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda p: (p.file, p.line, p.column, p.field, str(p.code), p.message)))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no to a person: plain text, never HTML, without any token, header or secret value."""

    code: Code
    message: str
    """What was refused and why, as one or two sentences."""
    remedy: str
    """What the person can do now, or whom to ask."""
    status: int = 403
    """The HTTP status that carries it, 400-499: a refusal is never a failure of the hub."""

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, self.remedy) if part) + f" [{self.code}]"


class KnadaError(Exception):
    """The root of this package's own exceptions."""


class RefusedError(KnadaError):
    """Raised at the edge, where a rule's `Refusal` has to stop something."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
