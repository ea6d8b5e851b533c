"""Variables that should not stand in a file, or that take away what an image needs: warnings. Pure.

No message shows a value, or says which form of a credential it has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_knada.errors import Code, Severity
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quoting import got

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyterhub_knada.errors import Problem
    from jupyterhub_knada.teams.faults import Path
    from jupyterhub_knada.teams.file_view import FileView
    from jupyterhub_knada.teams.profiles import Profile
    from jupyterhub_knada.teams.settings import Settings

_NAME: Final = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|PAT)$",
    re.IGNORECASE,
)
"""The last word counts: `TOKEN_URL`, `PASSWORD_FILE` and `SECRET_NAME` say where something is."""
_FORM: Final = re.compile(
    r"""
    -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
    | \b(?:gh[pousr]_|github_pat_|glpat-|npm_|pypi-|hf_|dapi|sk-|xox[abprs]-)[A-Za-z0-9_-]{16}
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b
    | \bAIza[A-Za-z0-9_-]{35}
    | \beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.
    | \b[a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@$]+@
    """,
    re.VERBOSE,
)
"""Keys, tokens of GitHub, GitLab, npm, PyPI, Hugging Face, Databricks, OpenAI, Slack, Amazon and Google, JSON
Web Tokens, and addresses with a password. Source: each service's documented prefix."""

_OF_THE_IMAGE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "HOME": "programs read their settings from the home at /home/jovyan",
        "LD_LIBRARY_PATH": "programs of the image may load libraries that do not fit",
        "LD_PRELOAD": "every program of the image would load it",
        "PATH": "it replaces the image's own, so that programs are not found",
        "PYTHONHOME": "Python would not find its own modules",
        "PYTHONPATH": "its modules come before the image's own, JupyterLab's among them",
    }
)
"""Variables that an image sets, or leaves unset, for its own good -> what another value does."""


def advise_variables(
    view: FileView[Any], path: Path, settings: Settings, profiles: Iterable[Profile]
) -> Iterator[Problem]:
    """Warn about the variables of a team or the platform's defaults, and of the file's profiles.

    Args:
        view: The file.
        path: Where the settings stand in it.
        settings: Its `env` and `extraEnvs`.
        profiles: With their overrides, as far as the file can be read.
    """
    for index, variable in enumerate(settings.extra_envs or ()):
        yield from _advise(view, (*path, "extraEnvs", index), variable.name, variable.value)
    for name, value in (settings.env or {}).items():
        yield from _advise(view, (*path, "env", name), name, value)
    for index, profile in enumerate(profiles):
        for inner, override in profile.overrides():
            said = override.get("environment")
            for name, value in said.items() if isinstance(said, Mapping) else ():
                yield from _advise(view, ("profiles", index, *inner, "environment", name), name, value)


def _advise(view: FileView[Any], path: Path, name: str, value: Any) -> Iterator[Problem]:
    if value in (None, ""):
        return
    if name in _OF_THE_IMAGE:
        message = f"a variable of the image {got(name)}"
        fault = Fault(
            Code.VARIABLE_OF_IMAGE, message, _OF_THE_IMAGE[name], "remove it, unless it is meant", path
        )
        yield view.tell(fault, Severity.WARNING)
    elif is_credential(name, value):
        message = f"a variable that looks like a credential {got(name)}"
        rule = "whoever may read this file, or the pods of the team, reads it"
        remedy = "put it into the team's secret, read it from there, and make a new one"
        yield view.tell(Fault(Code.CREDENTIAL_IN_FILE, message, rule, remedy, path), Severity.WARNING)


def is_credential(name: str, value: Any) -> bool:
    """Tell whether a variable looks like a password, key or token, by its name or by its form.

    A reference to another variable, and a field of the pod, is none.
    """
    if not isinstance(value, str) or value.startswith("$("):
        return False
    return _NAME.search(name) is not None or _FORM.search(value) is not None
