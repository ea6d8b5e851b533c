"""The cluster of KUBECONFIG: whether the tests may write to it, and whether it answers."""

from __future__ import annotations

import http.client
import json
import os
import shlex
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from tests.kubernetes.control_plane import CONTEXT
from tests.kubernetes.refusals import NoClusterError
from tests.support.kubernetes_api import Kubeconfig, send

_LOOPBACK: Final = ("https://127.0.0.1:", "https://localhost:", "https://[::1]:")
_LOCAL: Final = (CONTEXT, "kind-*", "k3d-*", "minikube", "docker-desktop")
"""Contexts as local tools call theirs: the address alone does not tell a cluster from a tunnel to one."""
_PATIENCE_SECONDS: Final = 10.0
"""An API server that is asked for its version and takes longer serves no test suite."""


def given_cluster() -> Path:
    """Give KUBECONFIG's file, of a cluster that may be written to.

    Raises:
        NoClusterError: it is not set, or names a cluster that may be elsewhere and that nobody has allowed.
    """
    text = os.environ.get("KUBECONFIG", "")
    if not text or not Path(text).is_file():
        raise NoClusterError(f"KUBECONFIG is {text!r}: set it to one file, that of a test cluster.")
    config = Kubeconfig.load(Path(text))
    why = _why_not(config, os.environ.get("KNADA_TEST_CONTEXT", ""))
    if why:
        raise NoClusterError(
            f"KUBECONFIG names {config.server}, context {config.context}, {why}, and the tests make and "
            "delete namespaces, nodes and cluster roles there: if that is what you want, set "
            f"KNADA_TEST_CONTEXT={shlex.quote(config.context)}."
        )
    return Path(text)


def _why_not(config: Kubeconfig, allowed: str) -> str:
    """Give why a cluster may not be written to; empty where it may."""
    if allowed:
        return "" if allowed == config.context else f"while KNADA_TEST_CONTEXT is {allowed}"
    if not config.server.startswith(_LOOPBACK):
        # `kubectl proxy`, too: it speaks plain HTTP.
        return "which may not be on this machine"
    if not any(fnmatchcase(config.context, local) for local in _LOCAL):
        return "which may be a tunnel to another machine (it is none of " + ", ".join(_LOCAL) + ")"
    return ""


def ask_version(config: Kubeconfig) -> str:
    """Ask a cluster which version it is, by one request: `1.36.3`.

    Raises:
        NoClusterError: it does not say so: nothing answers, something else does, or it knows no such user.
    """
    where = f"{config.server} of {config.path}, context {config.context},"
    try:
        status, text = send(config, "/version", seconds=_PATIENCE_SECONDS)
    except OSError as error:
        # urllib wraps the system's own error.
        inner = getattr(error, "reason", error)
        reason = getattr(inner, "strerror", None) or inner
        raise NoClusterError(f"{where} cannot be reached: {reason}.") from error
    except (http.client.HTTPException, ValueError) as error:
        # Not the error's words: they quote the token where that is what is malformed.
        raise NoClusterError(
            f"{where} cannot be asked: is the address right, and the token one word?"
        ) from error
    if status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
        raise NoClusterError(f"{where} answers {status}: it does not let that context's user in.")
    try:
        return str(json.loads(text)["gitVersion"]).removeprefix("v")
    except (ValueError, TypeError, KeyError) as error:
        raise NoClusterError(f"{where} answers {status} and no version: it is no Kubernetes.") from error
