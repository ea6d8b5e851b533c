"""Sizes, times and dates as the start page says them."""

from __future__ import annotations

from datetime import date

import pytest

from jupyterhub_knada.web.spawn_facts import (
    date_in_words,
    duration_in_words,
    memory_in_words,
    storage_in_words,
)

GIB = 1024**3


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (2 * GIB, "2 GB"),
        (1536 * 1024**2, "1536 MB"),
        (1024, "1 KB"),
        (1025, "1025 B"),
        (GIB + 1, "1073741825 B"),
    ],
)
def test_memory_in_words_is_as_people_say_it(size: int, words: str) -> None:
    """One unit, a space, no `i`."""
    assert memory_in_words(size) == words


@pytest.mark.parametrize(("size", "words"), [(10 * GIB, "10 GiB"), (10 * 1000**3, "10 GB"), (1, "1 B")])
def test_storage_in_words_tells_the_two_units_apart(size: int, words: str) -> None:
    """A volume's unit is Kubernetes', where `Gi` and `G` differ."""
    assert storage_in_words(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3600, "1 hour"), (5400, "90 minutes"), (7 * 86400, "7 days"), (1, "1 second"), (7200, "2 hours")],
)
def test_duration_in_words_has_the_largest_exact_unit(seconds: int, words: str) -> None:
    """Singular where it is one."""
    assert duration_in_words(seconds) == words


def test_date_in_words_names_the_month() -> None:
    """Day and month cannot be mixed up."""
    assert date_in_words(date(2029, 10, 3)) == "3 Oct 2029"
