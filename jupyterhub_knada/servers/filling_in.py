"""KubeSpawner that works out names such as `{username}` only for texts that have one."""

from __future__ import annotations

from jupyterhub_knada.servers.templates import has_names
from jupyterhub_knada.servers.watching import WatchingKubeSpawner


class FillingKubeSpawner(WatchingKubeSpawner):
    """KubeSpawner that fills in what there is to fill in."""

    def _expand_user_properties(self, template: str, slug_scheme: str | None = None) -> str:
        """Fill in the names that stand in a text; see `templates.KUBESPAWNER_NAMES`.

        Source: KubeSpawner 7.0 and 7.1. Private, and overridden because it works out all names, some of them
        by hashes of the server's name, for every single text of a pod, on the hub's event loop. A text
        without any comes out as `str.format` writes it: the dashes that KubeSpawner takes from an end are
        none of the text's own. Tests compare the two.

        Raises:
            ValueError: a brace without its other.
        """
        if not has_names(template):
            return template.format()
        return str(super()._expand_user_properties(template, slug_scheme))  # type: ignore[no-untyped-call]
