"""Who is asking: bearer tokens, token files and kubeconfigs.

Source: kube-apiserver's `--token-auth-file` (`token,user,uid,"group1,group2"`).
"""

from __future__ import annotations

import csv
import hmac
import io
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_knada.devcluster.api import statuses

if TYPE_CHECKING:
    from pathlib import Path

MASTERS: Final = "system:masters"
AUTHENTICATED: Final = "system:authenticated"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user as the authorizer sees it."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""


OPEN: Final = Identity("system:admin", (MASTERS, AUTHENTICATED))
"""Everybody, where no tokens are set."""
ANONYMOUS: Final = Identity("system:anonymous", ("system:unauthenticated",))
SYSTEM: Final = Identity("system:apiserver", (MASTERS, AUTHENTICATED))
"""The controllers in this program."""


class TokenFileError(Exception):
    """A token file that cannot be used; the message never shows a token."""


class Tokens:
    """The tokens that are known; none at all means that everybody is admin."""

    def __init__(self, identities: dict[str, Identity] | None = None) -> None:
        self._by_token = {
            token: Identity(who.user, (*who.groups, AUTHENTICATED), who.uid)
            for token, who in (identities or {}).items()
        }

    @property
    def is_open(self) -> bool:
        """Tell whether everybody is admin."""
        return not self._by_token

    def identify(self, authorization: str | None) -> Identity:
        """Give who sent a request.

        Args:
            authorization: the header of that name; None: the request had none.

        Raises:
            ApiError: 401 for a token that nobody has, or another scheme than Bearer.
        """
        if self.is_open:
            return OPEN
        if authorization is None:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise statuses.unauthorized()
        given = token.strip().encode()
        found = [who for known, who in self._by_token.items() if hmac.compare_digest(known.encode(), given)]
        if not found:
            raise statuses.unauthorized()
        return found[0]


def read_token_file(path: Path) -> dict[str, Identity]:
    """Read a static token file: token → identity.

    Raises:
        TokenFileError: it cannot be read, or a line has too few columns.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TokenFileError(f"token file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TokenFileError(f"token file {path}: it is not UTF-8 text") from error
    found: dict[str, Identity] = {}
    for number, row in enumerate(csv.reader(io.StringIO(text)), start=1):
        if not row:
            continue
        token, user, uid, names = (*row, "", "", "", "")[:4]
        if not (token and user and len(row) >= len(("token", "user", "uid"))):
            raise TokenFileError(f'token file {path}:{number}: each line is token,user,uid,"group1,group2"')
        groups = tuple(name.strip() for name in names.split(",") if name.strip())
        found[token] = Identity(user, groups, uid)
    return found


def keep_tokens(path: Path, identities: dict[str, Identity]) -> dict[str, str]:
    """Give a token for each named identity; those that `path` has from an earlier run stay.

    Writes `path` as a static token file, mode 0600.
    """
    kept = {who.user: token for token, who in read_token_file(path).items()} if path.exists() else {}
    tokens = {name: kept.get(who.user) or secrets.token_urlsafe(32) for name, who in identities.items()}
    lines = io.StringIO()
    writer = csv.writer(lines)
    for name, who in identities.items():
        writer.writerow([tokens[name], who.user, who.uid or who.user, ",".join(who.groups)])
    write_private(path, lines.getvalue())
    return tokens


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def kubeconfig(url: str, user: str, token: str | None, namespace: str = "default") -> str:
    """Give a kubeconfig for one identity; JSON, which every YAML reader takes."""
    context = {"cluster": "embedded", "user": user, "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "embedded", "cluster": {"server": url}}],
        "users": [{"name": user, "user": {"token": token} if token else {}}],
        "contexts": [{"name": "embedded", "context": context}],
        "current-context": "embedded",
    }
    return json.dumps(config, indent=2) + "\n"
