"""Braces: where KubeSpawner's names such as `{username}` are filled in, and where text stays as it is.

KubeSpawner runs `str.format` over labels, annotations, volumes, environment and more; a text with any other
brace ends a start with a KeyError. What teams write therefore arrives literally, but for
`kubespawnerOverride`, where stock's documentation promises the names: there exactly these names are filled
in, and any other brace is itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any, Final

KUBESPAWNER_NAMES: Final = frozenset(
    {
        "userid",
        "unescaped_username",
        "unescaped_servername",
        "hubnamespace",
        "username",
        "servername",
        "user_server",
        "safe_username",
        "safe_servername",
        "safe_user_server",
        "escaped_username",
        "escaped_servername",
        "escaped_user_server",
        "pod_name",
        "pvc_name",
        "namespace",
    }
)
"""The names in templates. Source: `KubeSpawner._expand_user_properties`, 7.1; a test compares them."""


URL_NAMES: Final = frozenset({"username", "base_url"})
"""What `Spawner.template_namespace` fills into `default_url` and `notebook_dir`."""

MESSAGE_NAMES: Final = frozenset({"seconds"})
"""The one name in `slow_spawn_message`. Source: `KubeSpawner.progress`, 7.1."""


def literal(value: Any) -> Any:
    """Write a text, or every text in a value, so that KubeSpawner's expansion gives it back unchanged."""
    return _each_text(value, _double_braces)


def template(value: Any, names: frozenset[str] = KUBESPAWNER_NAMES) -> Any:
    """Keep the texts that use nothing but these names as they are; make the others literal."""
    return _each_text(value, lambda text: text if is_template(text, names) else _double_braces(text))


def _double_braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def has_names(text: str) -> bool:
    """Tell whether `str.format` would look for a name: a brace that is meant as one stands twice."""
    return "{" in text.replace("{{", "")


def is_template(text: str, names: frozenset[str]) -> bool:
    """Tell whether `str.format` with these names works on a text: no attributes, no widths."""
    try:
        fields = [(name, spec, how) for _, name, spec, how in Formatter().parse(text) if name is not None]
    except ValueError:
        return False
    return all(name in names and not spec and how is None for name, spec, how in fields)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        # KubeSpawner does not expand keys (`_expand_all`), so that they are not touched here either.
        return {key: _each_text(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(item, change) for item in value]
    return value
