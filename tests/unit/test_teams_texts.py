"""Small grammars of team files: image references, allowlist entries, names, positions, suggestions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import ValidationError

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.allowlist import AllowlistEntry, AllowlistError, parse_entry
from jupyterhub_knada.teams.faults import Fault, faults_in, faults_of, told
from jupyterhub_knada.teams.images import is_allowed, is_image_name, parse_image
from jupyterhub_knada.teams.model import MovedFrom, Toleration
from jupyterhub_knada.teams.names import reserved_annotation, reserved_label, reserved_variable
from jupyterhub_knada.teams.positions import Positions, shown
from jupyterhub_knada.teams.quoting import got, listed, quoted, suggestion
from jupyterhub_knada.teams.readers import scalar
from jupyterhub_knada.teams.single_file import judge_text
from jupyterhub_knada.teams.trees import PlainText
from jupyterhub_knada.teams.yaml_nodes import read_yaml

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "name", "tag", "digest"),
    [
        pytest.param(
            "ghcr.io/example/jupyter:1", "ghcr.io/example/jupyter", "1", None, id="registry and tag"
        ),
        pytest.param("localhost:5000/jupyter", "localhost:5000/jupyter", None, None, id="a port is no tag"),
        pytest.param("localhost:5000/jupyter:5", "localhost:5000/jupyter", "5", None, id="port and tag"),
        pytest.param(f"a/b@{DIGEST}", "a/b", None, DIGEST, id="digest"),
        pytest.param(f"a/b:1@{DIGEST}", "a/b", "1", DIGEST, id="tag and digest"),
        pytest.param("python:3.13", "python", "3.13", None, id="short name of Docker Hub"),
        pytest.param("[2001:db8::1]:5000/a:1", "[2001:db8::1]:5000/a", "1", None, id="IPv6 registry"),
        pytest.param("a__b/c-d.e:_x", "a__b/c-d.e", "_x", None, id="signs within a path"),
    ],
)
def test_image_reference_is_taken_apart(text: str, name: str, tag: str | None, digest: str | None) -> None:
    """Name, tag and digest are found as a container runtime finds them."""
    image = parse_image(text)
    assert image is not None
    assert (image.name, image.tag, image.digest) == (name, tag, digest)
    assert image.is_pinned == bool(tag or digest)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("ghcr.io/Ex/y:1", id="capitals in the path"),
        pytest.param("a/b:", id="empty tag"),
        pytest.param("a/b: 1", id="blank"),
        pytest.param("a//b:1", id="empty part"),
        pytest.param("a/../b:1", id="a step upwards"),
        pytest.param("a/b@sha256:abc", id="short digest"),
        pytest.param("https://a/b:1", id="scheme"),
        pytest.param("a/b:" + "x" * 129, id="long tag"),
        pytest.param("a/" * 150 + "b:1", id="long name"),
        pytest.param("x" * 600, id="far too long"),
        pytest.param("a/b:1\n", id="line break"),
    ],
)
def test_text_that_is_no_image_is_refused(text: str) -> None:
    """What a container runtime would refuse is no image here."""
    assert parse_image(text) is None
    assert not is_allowed(text, None)


@pytest.mark.parametrize(
    ("image", "globs", "expected"),
    [
        pytest.param("ghcr.io/example/a:1", ["ghcr.io/example/*"], True, id="below a path"),
        pytest.param("ghcr.io/example/a/b:1", ["ghcr.io/example/*"], True, id="further below"),
        pytest.param("ghcr.io/other/a:1", ["ghcr.io/example/*"], False, id="beside it"),
        pytest.param("ghcr.io/examples/a:1", ["ghcr.io/example/*"], False, id="a longer name"),
        pytest.param("ghcr.io/example/a:1", ["ghcr.io/example/a"], True, id="any tag of an image"),
        pytest.param(f"ghcr.io/example/a@{DIGEST}", ["ghcr.io/example/a"], True, id="any digest of an image"),
        pytest.param("ghcr.io/example/a:2", ["ghcr.io/example/a:1"], False, id="another tag"),
        pytest.param("eu.reg.example/a:1", ["*.reg.example/*"], True, id="any host below a domain"),
        pytest.param(
            "evil.test/x.reg.example/a:1", ["*.reg.example/*"], False, id="a path that looks like it"
        ),
        pytest.param("ghcr.io.evil.test/a:1", ["ghcr.io/*"], False, id="a host that begins like it"),
        pytest.param("jupyter/a:1", ["docker.io/jupyter/*"], True, id="Docker Hub by its full name"),
        pytest.param("python:3", ["docker.io/library/*"], True, id="Docker Hub's own image"),
        pytest.param("docker.io/jupyter/a:1", ["jupyter/*"], False, id="Docker Hub's short form as a bound"),
        pytest.param("Host/a:1", ["docker.io/*"], False, id="a host in capitals"),
        pytest.param("localhost:5000/a:1", ["localhost:5000/*"], True, id="a registry with a port"),
        pytest.param("anything.test/a:1", ["*"], True, id="everything"),
        pytest.param("ghcr.io/a:1", [], False, id="nothing"),
        pytest.param("ghcr.io/a:1", None, True, id="no bound"),
    ],
)
def test_image_is_matched_against_the_bounds(image: str, globs: list[str] | None, expected: bool) -> None:  # noqa: FBT001 -- the table's last column
    """A star stands for any text, but never lets another registry in."""
    assert is_allowed(image, globs) is expected


@given(st.text(max_size=80), st.text(alphabet="ab./*:-", min_size=1, max_size=20))
def test_image_outside_a_registry_never_passes(image: str, rest: str) -> None:
    """Whatever is written, only references of the named registry pass its glob."""
    if is_allowed(image + rest.replace("*", "a"), ["ghcr.io/example/*"]):
        assert (image + rest).startswith("ghcr.io/example/")


@pytest.mark.parametrize(("text", "expected"), [("python-3.13", True), ("a/b", False), ("a:1", False)])
def test_bare_word_is_the_name_of_a_platform_image(text: str, expected: bool) -> None:  # noqa: FBT001 -- the table's last column
    """A slash, colon or @ makes a reference."""
    assert is_image_name(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("db.example.org", AllowlistEntry("db.example.org", 443, 443)),
        ("db.example.org:5432", AllowlistEntry("db.example.org", 5432, 5432)),
        ("10.0.0.1:8000-8100", AllowlistEntry("10.0.0.1", 8000, 8100)),
        ("a01dbvl00042:1521", AllowlistEntry("a01dbvl00042", 1521, 1521)),
        ("my_db.example.org", AllowlistEntry("my_db.example.org", 443, 443)),
    ],
)
def test_allowlist_entry_is_read(text: str, expected: AllowlistEntry) -> None:
    """A host, a port or a range of ports; 443 where none is said."""
    assert parse_entry(text) == expected


@given(st.text(max_size=40) | st.from_regex(r"[a-z0-9._*/:-]{0,30}", fullmatch=True))
def test_allowlist_entry_is_read_or_refused_with_words(text: str) -> None:
    """What is read is what the webhook reads: no sign that it would strip, split at or drop."""
    try:
        entry = parse_entry(text)
    except AllowlistError as refused:
        assert refused.fault.message  # noqa: PT017 -- the error is one of two good outcomes
        assert refused.fault.remedy  # noqa: PT017 -- the same
        return
    assert not set(entry.host) & set(" ,/:*")
    assert entry.host == entry.host.lower()
    assert 0 < entry.first_port <= entry.last_port < 65536
    assert text in {
        entry.host,
        f"{entry.host}:{entry.first_port}",
        f"{entry.host}:{entry.first_port}-{entry.last_port}",
    } or text.partition(":")[2].startswith("0")


@pytest.mark.parametrize("name", ["hello", "JUPYTERHUB", "MY_JPY_X", "KNADA_OTHER"])
def test_variable_that_nobody_else_sets_is_free(name: str) -> None:
    """Only the names and prefixes of the platform are reserved."""
    assert reserved_variable(name) is None


@pytest.mark.parametrize(
    "key", ["teams", "example.org/team", "myhub.jupyter.org/x", "app.kubernetes.io/part-of"]
)
def test_label_that_nobody_else_sets_is_free(key: str) -> None:
    """Only the keys and domains of the platform are reserved."""
    assert reserved_label(key) is None
    assert reserved_annotation(key) is None


def test_position_of_what_is_not_there_is_the_nearest_around_it() -> None:
    """A missing key is shown where its mapping begins, an unknown file at its top."""
    positions = read_yaml("# comment\na:\n  - display_name: b\n").positions
    assert positions.at(("a", 0, "displayName")) == (3, 19)
    assert positions.key_at(("a", 0, "displayName")) == (3, 5)
    assert positions.at(("a", 0, "slug")) == (3, 5)
    assert positions.at(("b",)) == (2, 1)
    assert positions.has(("a", 0))
    assert not positions.has(("a", 1))
    assert Positions({}, {}).at(("a",)) == (1, 1)
    assert Positions({}, {}).key_at(()) == (1, 1)


def test_path_is_shown_as_it_is_written() -> None:
    """Keys are joined by points, places of a list stand in brackets."""
    assert shown(("profiles", 1, "resources", "memoryLimit")) == "profiles[1].resources.memoryLimit"
    assert shown(()) == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ({}, "a mapping"),
        ([], "a list"),
        ("it's", '"it\'s"'),
        ("x" * 61, "'" + "x" * 59 + "…'"),
    ],
)
def test_value_is_quoted_shortly(value: object, expected: str) -> None:
    """A message shows enough of a value to find it, in one line."""
    assert quoted(value) == expected
    assert got(value) == f"(got {expected})"


def test_allowed_words_are_listed() -> None:
    """The last two are joined by "or"."""
    assert listed([]) == ""
    assert listed(["a"]) == "'a'"
    assert listed(["a", "b", "c"]) == "'a', 'b' or 'c'"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("memory_limit", "memoryLimit"),
        ("MEMORYLIMIT", "memoryLimit"),
        ("user", "users"),
        ("zzz", None),
        ("", None),
    ],
)
def test_near_miss_is_suggested(value: str, expected: str | None) -> None:
    """Case, dashes and underscores do not count; what is far from all names suggests none."""
    assert suggestion(value, ["memoryLimit", "users", "groups"]) == expected


def test_fault_survives_its_way_through_pydantic() -> None:
    """What a rule says comes out as it went in."""
    fault = Fault(next(iter(Code)), "message", "rule", "remedy", ("a", 1))
    assert faults_in(told(fault)) == (fault,)


def test_check_of_pydantic_that_has_no_words_here_is_told_plainly() -> None:
    """Should a model ever use another check of pydantic's, no jargon reaches a person."""
    error = ValidationError.from_exception_data("x", [{"type": "int_type", "loc": ("a",), "input": "b"}])
    [fault] = faults_of(error)
    assert (fault.message, fault.path) == ("not usable here (got 'b')", ("a",))


def test_file_of_which_nothing_is_right_has_no_part() -> None:
    """What cannot be judged without its wrong part is left at that."""
    view = judge_text("f.yaml", "{}", MovedFrom, {})
    assert view.part is None
    assert [str(problem) for problem in view.problems] == [
        (
            "f.yaml:1:1: neither namespace nor id; it says what was before the move; "
            "add what has changed, or remove the key [KNADA-C011]"
        ),
    ]


@pytest.mark.parametrize(
    ("value", "expected"), [(True, "true"), (False, "false"), (5, "5"), (PlainText("x"), "x")]
)
def test_scalar_of_json_is_read_as_its_text(value: object, expected: str) -> None:
    """Who makes a model from JSON, not from a file, may give numbers and truth values as they are."""
    assert (scalar(value), type(scalar(value))) == (expected, str)


def test_toleration_is_given_as_a_manifest_has_it() -> None:
    """Only what is said, in Kubernetes' own words."""
    toleration = Toleration.model_validate({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"})
    assert toleration.to_kubernetes() == {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}
    limited = Toleration.model_validate({"key": "a", "effect": "NoExecute", "tolerationSeconds": "5"})
    assert limited.to_kubernetes() == {
        "key": "a",
        "operator": "Equal",
        "effect": "NoExecute",
        "tolerationSeconds": 5,
    }
