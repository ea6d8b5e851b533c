"""Quantities: what is read, what is refused, and that nothing is lost between the two."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams import quantities
from jupyterhub_knada.teams.quantities import (
    QuantityError,
    format_cpu,
    format_duration,
    format_memory,
    format_storage,
    parse_cpu,
    parse_duration,
    parse_memory,
    parse_storage,
    read_cpu,
    read_duration,
    read_memory,
    read_storage,
)

if TYPE_CHECKING:
    from collections.abc import Callable

GIB = 1024**3
PARSERS = {
    "memory": (parse_memory, format_memory, quantities.MEMORY_PATTERN),
    "storage": (parse_storage, format_storage, quantities.STORAGE_PATTERN),
    "cpu": (parse_cpu, format_cpu, quantities.CPU_PATTERN),
    "duration": (parse_duration, format_duration, quantities.DURATION_PATTERN),
}
BY_KIND = pytest.mark.parametrize("kind", sorted(PARSERS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("10G", 10 * GIB, id="as JupyterHub writes it"),
        pytest.param("10GB", 10 * GIB, id="as the old files write it"),
        pytest.param("10 GB", 10 * GIB, id="with a blank"),
        pytest.param("10Gi", 10 * GIB, id="as Kubernetes writes it"),
        pytest.param("10GiB", 10 * GIB, id="as the standard writes it"),
        pytest.param("1.5G", 3 * GIB // 2, id="a fraction"),
        pytest.param("0.1G", 107374182, id="a fraction of a byte is cut off"),
        pytest.param("512M", 512 * 1024**2, id="mega"),
        pytest.param("64K", 65536, id="kilo"),
        pytest.param("2T", 2 * 1024**4, id="tera"),
        pytest.param("107374182B", 107374182, id="bytes by name"),
    ],
)
def test_memory_in_a_known_spelling_is_read_as_powers_of_1024(text: str, expected: int) -> None:
    """Every spelling that people use gives the same bytes, and never a float."""
    assert parse_memory(text) == expected
    assert type(parse_memory(text)) is int


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("10Gi", 10 * GIB, id="power of 1024"),
        pytest.param("10G", 10**10, id="power of 1000"),
        pytest.param("5k", 5000, id="small k"),
        pytest.param("1.5Ki", 1536, id="a fraction"),
        pytest.param("0.3Ki", 308, id="a fraction of a byte is rounded up"),
        pytest.param("10737418240", 10737418240, id="bytes without a unit"),
    ],
)
def test_storage_is_read_as_kubernetes_reads_it(text: str, expected: int) -> None:
    """A claim's size means what the same text means in a claim's manifest."""
    assert parse_storage(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0.5", 500, id="half"),
        pytest.param("500m", 500, id="thousandths"),
        pytest.param(".5", 500, id="without the zero"),
        pytest.param("1", 1000, id="whole"),
        pytest.param("0.125", 125, id="three places"),
        pytest.param("0.50000", 500, id="more zeros"),
        pytest.param("3.6505", 3651, id="finer than a thousandth: rounded up"),
        pytest.param("0.912625", 913, id="a share of a node"),
        pytest.param("3.3810000000000002", 3382, id="a float as a program wrote it"),
        pytest.param("0.0001", 1, id="less than the least"),
        pytest.param("0.5m", 1, id="half of a thousandth"),
    ],
)
def test_cpu_is_read_in_thousandths(text: str, expected: int) -> None:
    """Both spellings of Kubernetes give the same whole number."""
    assert parse_cpu(text) == expected


@pytest.mark.parametrize(
    ("read", "value", "size"),
    [
        (read_memory, "10GB", 10 * GIB),
        (read_memory, 2**31, 2**31),
        (read_memory, 31222718077, 31222718077),
        (read_memory, 2147483648.5, 2**31),
        (read_cpu, "0.5", 500),
        (read_cpu, 0.5, 500),
        (read_cpu, 2, 2000),
        (read_cpu, 3.6505, 3651),
        (read_cpu, 3.3810000000000002, 3382),
        (read_cpu, 0.1, 100),
        (read_cpu, 1e-05, 1),
    ],
)
def test_size_is_read_alike_as_text_and_as_number(
    read: Callable[[object], int], value: object, size: int
) -> None:
    """A text as in team files, a number as KubeSpawner takes it: bytes, or CPUs as they are written."""
    assert read(value) == size


@pytest.mark.parametrize("read", [read_memory, read_cpu])
@pytest.mark.parametrize(
    "value", [-1, 0, "0", "0G", "0m", float("nan"), float("inf"), [], None, True, "1e3G", 1e300, "9" * 20]
)
def test_what_is_no_size_is_refused(read: Callable[[object], int], value: object) -> None:
    """Nothing slips through as an endless or empty limit."""
    with pytest.raises(QuantityError):
        read(value)


@pytest.mark.parametrize(
    ("read", "value", "code"),
    [
        (read_memory, "1M", Code.OUT_OF_RANGE),
        (read_memory, 2, Code.BAD_QUANTITY),
        (read_memory, 2**60, Code.OUT_OF_RANGE),
        (read_cpu, 0, Code.OUT_OF_RANGE),
        (read_cpu, "2000", Code.OUT_OF_RANGE),
        (read_storage, "1k", Code.OUT_OF_RANGE),
        (read_duration, "0s", Code.OUT_OF_RANGE),
    ],
)
def test_size_that_no_server_can_have_is_said_to_be_out_of_range(
    read: Callable[[object], int], value: object, code: Code
) -> None:
    """A bare small number of bytes is a forgotten unit; anything else is outside what there is."""
    with pytest.raises(QuantityError) as refused:
        read(value)
    assert refused.value.code is code


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1h", 3600), ("90m", 5400), ("7d", 604800), ("45s", 45), ("3600", 3600)],
)
def test_duration_is_read_in_seconds(text: str, expected: int) -> None:
    """A duration has a unit, or is in seconds."""
    assert parse_duration(text) == expected


MEMORY_RULE = "a number with K, M, G or T, also as GB or Gi (1 G = 1024 M)"
STORAGE_RULE = "a number with Mi, Gi or Ti (or k, M, G, T for powers of 1000), as Kubernetes writes it"
CPU_RULE = "a number of CPUs such as 0.5, or thousandths of one such as 500m"
DURATION_RULE = "a whole number with s, m, h or d, or seconds without a unit"


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        pytest.param("memory", "2", f"not a memory size (got '2'); {MEMORY_RULE}; write '2G'", id="no unit"),
        pytest.param(
            "memory",
            "16 X",
            f"not a memory size (got '16 X'); {MEMORY_RULE}; write for example '2G'",
            id="unit",
        ),
        pytest.param(
            "memory",
            "10,5 gb",
            f"not a memory size (got '10,5 gb'); {MEMORY_RULE}; write '10.5G'",
            id="comma",
        ),
        pytest.param(
            "memory", "512m", f"not a memory size (got '512m'); {MEMORY_RULE}; write '512M'", id="small m"
        ),
        pytest.param(
            "memory", "", f"not a memory size (got ''); {MEMORY_RULE}; write for example '2G'", id="empty"
        ),
        pytest.param(
            "memory",
            "-1G",
            f"not a memory size (got '-1G'); {MEMORY_RULE}; write for example '2G'",
            id="minus",
        ),
        pytest.param(
            "memory",
            "٣G",
            f"not a memory size (got '٣G'); {MEMORY_RULE}; write for example '2G'",
            id="Arabic digit",
        ),
        pytest.param(
            "memory", "1BB", f"not a memory size (got '1BB'); {MEMORY_RULE}; write for example '2G'", id="BB"
        ),
        pytest.param(
            "storage", "10GB", f"not a storage size (got '10GB'); {STORAGE_RULE}; write '10Gi'", id="GB"
        ),
        pytest.param(
            "storage", "10 Gi", f"not a storage size (got '10 Gi'); {STORAGE_RULE}; write '10Gi'", id="blank"
        ),
        pytest.param(
            "storage",
            "big",
            f"not a storage size (got 'big'); {STORAGE_RULE}; write for example '10Gi'",
            id="word",
        ),
        pytest.param(
            "storage",
            "5x",
            f"not a storage size (got '5x'); {STORAGE_RULE}; write for example '10Gi'",
            id="x",
        ),
        pytest.param(
            "cpu", "0,5", f"not a number of CPUs (got '0,5'); {CPU_RULE}; write '0.5'", id="decimal comma"
        ),
        pytest.param(
            "cpu", "500 m", f"not a number of CPUs (got '500 m'); {CPU_RULE}; write '500m'", id="m apart"
        ),
        pytest.param(
            "cpu", "2 cores", f"not a number of CPUs (got '2 cores'); {CPU_RULE}; write '2'", id="cores"
        ),
        pytest.param(
            "cpu", "2G", f"not a number of CPUs (got '2G'); {CPU_RULE}; write for example '0.5'", id="a size"
        ),
        pytest.param(
            "cpu",
            "half",
            f"not a number of CPUs (got 'half'); {CPU_RULE}; write for example '0.5'",
            id="word",
        ),
        pytest.param(
            "duration", "1.5h", f"not a duration (got '1.5h'); {DURATION_RULE}; write '90m'", id="fraction"
        ),
        pytest.param(
            "duration", "1 hour", f"not a duration (got '1 hour'); {DURATION_RULE}; write '1h'", id="word"
        ),
        pytest.param(
            "duration",
            "soon",
            f"not a duration (got 'soon'); {DURATION_RULE}; write for example '1h'",
            id="soon",
        ),
        pytest.param(
            "duration",
            "2w",
            f"not a duration (got '2w'); {DURATION_RULE}; write for example '1h'",
            id="weeks",
        ),
        pytest.param(
            "duration",
            "0.0003h",
            f"not a duration (got '0.0003h'); {DURATION_RULE}; write for example '1h'",
            id="no whole seconds",
        ),
    ],
)
def test_quantity_in_a_wrong_spelling_is_refused_with_the_right_one(kind: str, text: str, told: str) -> None:
    """The refusal says what is wrong, the rule, and what to write."""
    with pytest.raises(QuantityError) as refused:
        PARSERS[kind][0](text)
    assert str(refused.value) == told


@given(st.integers(min_value=0, max_value=10**18))
@BY_KIND
def test_quantity_formatted_and_parsed_is_the_same(kind: str, value: int) -> None:
    """Nothing is lost by writing a number down, and the schema's pattern knows what we write."""
    parse, show, pattern = PARSERS[kind]
    assert parse(show(value)) == value
    assert re.search(pattern, show(value))


@given(st.text(max_size=30) | st.from_regex(r"[0-9.,]{0,5} ?[a-zA-Z]{0,3}", fullmatch=True))
@BY_KIND
def test_quantity_of_any_text_gives_a_whole_number_or_a_refusal(kind: str, text: str) -> None:
    """No text gives a float or another error, and the schema's pattern accepts what is accepted."""
    parse, _, pattern = PARSERS[kind]
    try:
        value = parse(text)
    except QuantityError as refused:
        assert refused.remedy.startswith("write ")  # noqa: PT017 -- the error is one of two good outcomes
        return
    assert type(value) is int
    assert value >= 0
    assert re.search(pattern, text)


@given(
    st.sampled_from(["B", "K", "M", "G", "T"]),
    st.integers(min_value=0, max_value=10**6),
    st.integers(min_value=0, max_value=10**6),
)
def test_memory_of_a_larger_number_is_never_smaller(unit: str, one: int, other: int) -> None:
    """Reading keeps the order, and whole numbers of a unit are exact."""
    sizes = {"B": 1, "K": 1024, "M": 1024**2, "G": GIB, "T": 1024**4}
    low, high = sorted((one, other))
    assert parse_memory(f"{low}{unit}") <= parse_memory(f"{high}{unit}")
    assert parse_memory(f"{low}{unit}") == low * sizes[unit]


@given(st.decimals(min_value=0, max_value=10**6, places=3))
def test_memory_with_a_fraction_is_within_one_byte(number: object) -> None:
    """A fraction is cut off below one byte, never before."""
    exact = Fraction(str(number)) * GIB
    assert exact - 1 < parse_memory(f"{number}G") <= exact
