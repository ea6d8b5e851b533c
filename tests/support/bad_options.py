"""Start options that have to be refused, as they come on each way into the hub. See `ALFA` for the teams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OWNER = "e152435"

ALFA = f"""\
namespace: team-alfa
users: [{OWNER}]
profiles:
  - {{slug: small, displayName: Small, default: true}}
  - slug: choose
    displayName: Choose
    options:
      image:
        displayName: Image
        choices:
          plain: {{kubespawnerOverride: {{image: "ghcr.io/example/plain:1"}}}}
        unlistedChoice:
          enabled: true
          validationRegex: "^ghcr.io/example/.*"
          kubespawnerOverride: {{image: "{{value}}"}}
      size:
        displayName: Size
        choices:
          s: {{kubespawnerOverride: {{mem_limit: 1G}}}}
"""
"""The owner's team: a default profile, and one with options. `size` takes no text of one's own."""
BETA = f"namespace: team-beta\nusers: [{OWNER}]\nprofiles: [{{slug: beta-only, displayName: Beta}}]\n"
"""The owner's other team."""
GAMMA = "namespace: team-gamma\nusers: [somebody]\n"
"""A team that the owner is not in."""
PLATFORM = 'bounds: {images: ["ghcr.io/example/*", "quay.io/jupyterhub/*"]}\n'

GOOD = {"team": "alfa", "profile": "small"}
"""What can be started."""


NO_OBJECT = "Body must be a JSON object"


@dataclass(frozen=True)
class BadOptions:
    """One way to ask for what is not offered."""

    name: str
    rest: Any
    """As the body of a REST request."""
    status: int
    code: str
    fields: dict[str, str] | None = field(default=None)
    """As fields of a form and arguments of a link; None: the same as `rest`, or not to be said so."""

    said_by_hub: str = ""
    """What JupyterHub 6 answers by REST without asking the spawner; empty: it asks. 5.3 always asks."""
    is_nothing_to_hub: bool = False
    """JupyterHub 6 takes any empty JSON for no body at all, before a spawner could tell the difference: it
    means "as the last time" there, as no body does. JupyterHub 5.3 hands it on, and it is refused."""

    @property
    def as_fields(self) -> dict[str, str] | None:
        """The fields of a form or link; None where only REST can say it."""
        if self.fields is not None:
            return self.fields
        is_plain = isinstance(self.rest, dict) and all(isinstance(value, str) for value in self.rest.values())
        return self.rest if is_plain else None


def _choose(**options: Any) -> dict[str, Any]:
    return {"team": "alfa", "profile": "choose", **options}


BAD_OPTIONS = (
    BadOptions("a team of others", {"team": "gamma", "profile": "default"}, 403, "KNADA-S002"),
    BadOptions("a team that does not exist", {"team": "delta"}, 403, "KNADA-S002"),
    BadOptions("a team in another case", {"team": "Alfa", "profile": "small"}, 403, "KNADA-S002"),
    BadOptions("another team's profile", {"team": "alfa", "profile": "beta-only"}, 400, "KNADA-S004"),
    BadOptions("a profile that does not exist", {"team": "alfa", "profile": "huge"}, 400, "KNADA-S004"),
    BadOptions("an empty profile", {"team": "alfa", "profile": ""}, 400, "KNADA-S004"),
    BadOptions("an unknown choice", _choose(image="evil"), 400, "KNADA-S005"),
    BadOptions(
        "a text where none is taken",
        _choose(**{"size--unlisted-choice": "ghcr.io/example/x:1"}),
        400,
        "KNADA-S005",
    ),
    BadOptions(
        "no profile, with a text for one that is not the default",
        {"team": "alfa", "image--unlisted-choice": "evil.example.org/x:1"},
        400,
        "KNADA-S005",
    ),
    BadOptions(
        "a text that the rule does not match",
        _choose(**{"image--unlisted-choice": "evil.example.org/x:1"}),
        400,
        "KNADA-S005",
    ),
    BadOptions(
        "a second line behind what the rule matches",
        _choose(**{"image--unlisted-choice": "ghcr.io/example/ok:1\nevil"}),
        400,
        "KNADA-S001",
    ),
    BadOptions("a list", ["evil"], 400, "KNADA-S001", said_by_hub=NO_OBJECT),
    BadOptions("a text", "evil", 400, "KNADA-S001", said_by_hub=NO_OBJECT),
    BadOptions("a number", 5, 400, "KNADA-S001", said_by_hub=NO_OBJECT),
    BadOptions("an empty list", [], 400, "KNADA-S001", is_nothing_to_hub=True),
    BadOptions("an empty text", "", 400, "KNADA-S001", is_nothing_to_hub=True),
    BadOptions("a profile that is a number", {"team": "alfa", "profile": 5}, 400, "KNADA-S001"),
    BadOptions("a profile that is a list", {"team": "alfa", "profile": ["small"]}, 400, "KNADA-S001"),
    BadOptions("a team that is a mapping", {"team": {"$ne": ""}}, 400, "KNADA-S001"),
    BadOptions("a choice that is null", _choose(image=None), 400, "KNADA-S001"),
    BadOptions(
        "bytes in disguise",
        {"team": "alfa", "profile": {"__jupyterhub_bytes__": True, "data": "c21hbGw="}},
        400,
        "KNADA-S001",
    ),
    BadOptions("a megabyte", {"team": "alfa", "profile": "x" * 1_000_000}, 413, "KNADA-S001", fields={}),
    BadOptions(
        "ten thousand options", {f"option-{at}": "x" for at in range(10_000)}, 413, "KNADA-S001", fields={}
    ),
    BadOptions(
        "stock's form field for another profile",
        {"team": "alfa", "profile-option-small--profile": "choose"},
        400,
        "KNADA-S001",
    ),
)
