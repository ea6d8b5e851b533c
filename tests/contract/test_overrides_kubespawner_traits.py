"""KubeSpawner's settings, as our rules name them and as the installed version has them."""

from __future__ import annotations

import pytest
from kubespawner.spawner import KubeSpawner

from jupyterhub_knada.servers.override_rules import MERGED, OWNED, PASSED

ATTRIBUTES = frozenset({"pod_name", "pvc_name", "dns_name", "internal_ssl"})
"""Not settings, but what stock's overrides can set all the same."""
NEWER = frozenset(
    {
        *("ssl_alt_names", "ssl_alt_names_include_local", "group_overrides", "poll_jitter"),
        # KubeSpawner 7.1
        *("slow_spawn_message", "slow_spawn_message_frequency", "slow_spawn_message_threshold"),
    }
)
"""Settings that the oldest supported versions may lack."""


@pytest.mark.parametrize("name", sorted((MERGED | PASSED | OWNED.keys()) - ATTRIBUTES - NEWER))
def test_override_rule_names_a_setting_that_kubespawner_has(name: str) -> None:
    """A setting that KubeSpawner renames or drops must not stay behind in our rules."""
    assert name in KubeSpawner.class_traits(config=True)


def test_override_rules_cover_every_setting_of_kubespawner() -> None:
    """A setting that a new version brings is refused until somebody has decided about it here."""
    assert set(KubeSpawner.class_traits(config=True)) - MERGED - PASSED - OWNED.keys() == set()


def test_override_rules_decide_each_setting_once() -> None:
    """No setting is both the profile's and the package's."""
    assert not MERGED & PASSED
    assert not (MERGED | PASSED) & OWNED.keys()
