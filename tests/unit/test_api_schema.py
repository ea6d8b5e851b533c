"""Reading by the shapes of the API: what is kept, dropped, filled in and refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.devcluster.api import kinds
from jupyterhub_knada.devcluster.api.schema import DecodeError, Decoder, fill, is_struct, parse_json, struct

FIELDS = [
    "metadata",
    "spec",
    "status",
    "containers",
    "name",
    "labels",
    "resources",
    "limits",
    "env",
    "ports",
    "data",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)


@given(body=st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=5))
def test_read_anything_is_read_or_refused(body: dict[str, Any]) -> None:
    """No body does anything but be read or be refused; what was read reads again as itself."""
    try:
        found = Decoder().read(body, "core.Pod")
    except DecodeError:
        return
    assert fill(found, "core.Pod") == found


def test_read_every_kind_is_known() -> None:
    """Each kind that is served has its shape, and metadata in it."""
    for resource in kinds.RESOURCES:
        assert is_struct(resource.type)
        assert "metadata" in struct(resource.type)


def test_read_unknown_fields_are_told_with_their_path() -> None:
    """Every unknown or repeated field is named where it stands."""
    decoder = Decoder()
    body = parse_json(b'{"spec": {"containers": [{"nme": 1}], "x": 1, "nodeName": "a", "nodeName": "b"}}')
    found = decoder.read(body, "core.Pod")
    assert sorted(decoder.problems) == [
        'duplicate field "spec.nodeName"',
        'unknown field "spec.containers[0].nme"',
        'unknown field "spec.x"',
    ]
    assert found["spec"]["nodeName"] == "b"


@pytest.mark.parametrize(
    ("given_time", "stored"),
    [
        pytest.param("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", id="as stored"),
        pytest.param("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z", id="another zone"),
        pytest.param("2026-01-01T00:00:00.9Z", "2026-01-01T00:00:00Z", id="fraction is cut"),
    ],
)
def test_read_time_is_utc_in_seconds(given_time: str, stored: str) -> None:
    """Times are stored in UTC, in whole seconds."""
    body = {"status": {"startTime": given_time}}
    assert Decoder().read(body, "core.Pod")["status"]["startTime"] == stored


@pytest.mark.parametrize("text", ["yesterday", "2026-01-01", "2026-13-01T00:00:00Z", ""])
def test_read_wrong_time_is_refused(text: str) -> None:
    """What is no time is refused."""
    with pytest.raises(DecodeError, match="parsing time"):
        Decoder().read({"status": {"startTime": text}}, "core.Pod")


@pytest.mark.parametrize("body", [b"{", b"", b"nul", b"[" * 100_000, b"\xff"])
def test_parse_json_wrong_text_is_refused(body: bytes) -> None:
    """What is no JSON is refused, however deep."""
    with pytest.raises(DecodeError, match="json parse error"):
        parse_json(body)
