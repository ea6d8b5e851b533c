"""What is compared: two spawners, each with the rights of two kinds of hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.fleet import ALL, EACH


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that is measured."""

    spawner: str
    """`stock` or `knada`."""
    account: str
    """`fleet.ALL` or `fleet.EACH`: the rights that the hub has."""

    @property
    def name(self) -> str:
        """What the results call it."""
        return f"{self.spawner}, {self.account}"

    @property
    def is_one_for_all(self) -> bool:
        """Whether stock is told to watch all namespaces; KnadaSpawner finds out by itself."""
        return self.spawner == "stock" and self.account == ALL


STOCK: Final = "stock"
KNADA: Final = "knada"
ACCOUNTS: Final = {
    ALL: "one watch for all namespaces (ClusterRole)",
    EACH: "a watch for each namespace (Role in each)",
}
VARIANTS: Final = tuple(Variant(spawner, account) for account in ACCOUNTS for spawner in (STOCK, KNADA))
