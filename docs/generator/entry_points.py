"""The page of entry points: the names under which JupyterHub finds this package's classes."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

from docs.generator.markdown import literal, page, section, table

SETTINGS: Final = {
    "jupyterhub.spawners": "c.JupyterHub.spawner_class",
    "jupyterhub.authenticators": "c.JupyterHub.authenticator_class",
}


def our_entry_points(group: str) -> list[tuple[str, str]]:
    """Give name and class of each entry point that this package brings to `group`, sorted."""
    return sorted(
        (found.name, found.value)
        for found in entry_points(group=group)
        if found.value.startswith("jupyterhub_knada:")
    )


def render_entry_points() -> str:
    """Render a table per group."""
    groups = [
        section(
            2,
            group,
            f"Values of `{setting}`.",
            table(
                ["Name", "Class"],
                [
                    [literal(name), literal(value.replace(":", "."))]
                    for name, value in our_entry_points(group)
                ],
            ),
        )
        for group, setting in SETTINGS.items()
    ]
    return page(
        "Entry points",
        "Names that JupyterHub knows once the package is installed.\n"
        "`configure()` sets both; the names are for those who configure their hub by hand.",
        *groups,
    )
