"""The page of settings: the configurable traits that this package adds to JupyterHub's classes.

Only its own. autodoc-traits lists inherited ones as well, over a hundred of KubeSpawner's alone, which their
own documentation describes and which would bury the few that are meant here.
"""

from __future__ import annotations

import re
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Final

from docs.generator.markdown import fields, literal, page, section
from jupyterhub_knada.access import authenticators
from jupyterhub_knada.servers.spawner import KnadaSpawner

if TYPE_CHECKING:
    from traitlets import TraitType
    from traitlets.config import Configurable

CLASSES: Final[tuple[type[Configurable], ...]] = (
    KnadaSpawner,
    authenticators.KnadaAuthenticator,
    authenticators.KnadaOAuthenticator,
    authenticators.KnadaAzureADAuthenticator,
    authenticators.KnadaOIDCAuthenticator,
    authenticators.KnadaDemoAuthenticator,
)
_VERSION = re.compile(r"^\.\. version(added|changed):: (\S+)$", re.MULTILINE)


def own_traits(of: type[Configurable]) -> dict[str, TraitType[Any, Any]]:
    """Give the configurable traits that this class adds: its own, and those of bases that only it shows."""
    return {
        name: trait
        for name, trait in sorted(of.class_traits(config=True).items())
        if trait.this_class is of or (is_internal(trait.this_class) and not _is_shown_by_a_base(of, name))
    }


def _is_shown_by_a_base(of: type[Configurable], name: str) -> bool:
    return any(base in CLASSES and name in base.class_traits() for base in of.__mro__[1:])


def is_internal(base: type | None) -> bool:
    """Tell whether a class is a part of this package that nobody configures by name."""
    return base is not None and base.__module__.startswith("jupyterhub_knada.") and base not in CLASSES


def shown_bases(of: type) -> list[type]:
    """Give the bases of a class that a reader knows, those of an internal base in its place."""
    return [shown for base in of.__bases__ for shown in (shown_bases(base) if is_internal(base) else [base])]


def heading_of(of: type[Configurable], name: str) -> str:
    """Give the heading of a trait: what stands in a configuration file."""
    return f"c.{of.__name__}.{name}"


def render_traits() -> str:
    """Render a section for each class, and in it one for each trait."""
    return page(
        "Settings",
        "Settings of this package's classes, for `jupyterhub_config.py`; in the Helm values they stand under"
        " `hub.config`.\n"
        "`configure()` sets most of them.\n"
        "Classes have the settings of those that they derive from, too: KubeSpawner's, oauthenticator's and"
        " JupyterHub's own documentation describes them.",
        *(_class(of) for of in CLASSES),
    )


def _class(of: type[Configurable]) -> str:
    bases = ", ".join(literal(base.__name__) for base in shown_bases(of))
    traits = [_trait(of, name, trait) for name, trait in own_traits(of).items()]
    nothing = "" if traits else "Adds no setting to theirs."
    return section(2, of.__name__, _prose(of.__doc__ or ""), f"Derives from {bases}.", nothing, *traits)


def _trait(of: type[Configurable], name: str, trait: TraitType[Any, Any]) -> str:
    kind = type(trait).__name__ + (" or None" if trait.allow_none else "")
    facts = fields([("Type", kind), ("Default", literal(trait.default_value_repr()))])
    return section(3, heading_of(of, name), facts, _prose(trait.help))


def _prose(text: str) -> str:
    """Give a docstring or help text as Markdown: ours have one directive of reStructuredText."""
    return _VERSION.sub(lambda found: f"*{found[1].capitalize()} in version {found[2]}.*", cleandoc(text))
