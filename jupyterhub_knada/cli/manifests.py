"""Kubernetes objects as YAML that reads the same in every YAML version."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ruamel.yaml.nodes import ScalarNode

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_NOT_A_TEXT: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Words that YAML 1.1, which many tools still read, takes for something else."""


class _QuotingRepresenter(RoundTripRepresenter):
    """Quotes each text that is not plainly a word: `"0.5"`, `"yes"`, `"1:30"`."""

    def represent_text(self, text: str) -> ScalarNode:
        """Write one text. Source: ruamel.yaml's representers, `add_representer`."""
        is_word = _WORD.fullmatch(text) and text.lower() not in _NOT_A_TEXT
        node: ScalarNode = self.represent_scalar(
            "tag:yaml.org,2002:str", text, style=None if is_word else '"'
        )
        return node


_QuotingRepresenter.add_representer(str, _QuotingRepresenter.represent_text)


def to_yaml(manifests: Iterable[Mapping[str, Any]], *, ascii_only: bool = False) -> str:
    """Give one YAML document for each object, keys in the order they have.

    Args:
        manifests: JSON-like data.
        ascii_only: Escape what is not ASCII, for an output that cannot show it.
    """
    yaml = YAML()
    yaml.Representer = _QuotingRepresenter
    yaml.default_flow_style = False
    yaml.explicit_start = True
    yaml.allow_unicode = not ascii_only
    # A long value stays in one line, where `grep` finds it.
    yaml.width = 1_000_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    for manifest in manifests:
        yaml.dump(dict(manifest), stream)
    return stream.getvalue()
