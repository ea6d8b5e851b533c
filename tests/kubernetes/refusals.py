"""How this program says no: one line that says what to do."""

from __future__ import annotations


class NoClusterError(Exception):
    """There is no such cluster; the message says what to set or to install."""
