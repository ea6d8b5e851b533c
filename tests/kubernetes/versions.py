"""Which versions the tests run on; nothing else names them."""

from __future__ import annotations

from typing import Final

KUBERNETES: Final = {
    # What the embedded API is modelled on.
    "newest": "1.36.3",
    # The oldest that zero-to-jupyterhub's chart takes: `kubeVersion` in its Chart.yaml.
    "oldest": "1.32.2",
}
ETCD: Final = "3.6.16"
"""One for both: an API server speaks etcd's v3 protocol, which has not changed."""
KWOK: Final = "0.8.0"
"""Plays nodes for benchmarks; no test of the suite needs it."""
GO: Final = (1, 26)
"""The oldest Go that builds them all."""
