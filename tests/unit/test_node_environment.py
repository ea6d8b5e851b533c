"""A container's environment: references, expansion, quantities."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_knada.devcluster.node.environment import (
    ConfigError,
    PodFields,
    build_environment,
    expand,
    parse_quantity,
)

POD = {
    "metadata": {
        "name": "jupyter-ada",
        "namespace": "hub",
        "uid": "u-1",
        "labels": {"team": "kyrre", "app": 'a "b"'},
        "annotations": {"allowlist": "db:5432"},
    },
    "spec": {"nodeName": "local", "serviceAccountName": "default", "containers": []},
}
OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    ("Secret", "s"): {"data": {"token": base64.b64encode(b"hemmelig").decode()}},
    ("ConfigMap", "c"): {"data": {"key": "value"}, "binaryData": {"raw": base64.b64encode(b"\x01").decode()}},
}


def make_fields() -> PodFields:
    """Make the fields of a pod on a node with 2 CPUs."""
    return PodFields(POD, "127.1.2.3", "127.0.0.1", {"cpu": "2", "memory": "8Gi"})


async def read(kind: str, name: str) -> dict[str, Any] | None:
    """Read from the objects above."""
    return OBJECTS.get((kind, name))


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        pytest.param("$(A)/$(B)", "1/2", id="two variables"),
        pytest.param("$(MISSING)", "$(MISSING)", id="a missing variable stays"),
        pytest.param("$$(A)", "$(A)", id="two dollar signs are one"),
        pytest.param("$$$(A)", "$1", id="an escaped dollar before a variable"),
        pytest.param("$A ${A} $", "$A ${A} $", id="the shell's forms stay"),
        pytest.param("$(A", "$(A", id="never closed"),
        pytest.param("$()", "$()", id="empty name"),
    ],
)
def test_expand_of_text_follows_kubernetes(text: str, expanded: str) -> None:
    """Only `$(NAME)` is replaced, `$$` escapes it."""
    assert expand(text, {"A": "1", "B": "2"}) == expanded


@given(st.text(alphabet="$(AB x", max_size=20))
def test_expand_without_variables_changes_escapes_only(text: str) -> None:
    """Where nothing is a reference, for none is closed, only `$$` is shortened."""
    assert len(expand(text, {})) == len(text) - sum(len(run) // 2 for run in _dollar_runs(text))


def _dollar_runs(text: str) -> list[str]:
    """Split text into its runs of dollar signs."""
    return [run for run in "".join(c if c == "$" else " " for c in text).split(" ") if run]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        (".5", "0.5"),
        ("2Gi", str(2 * 1024**3)),
        ("2G", "2000000000"),
        ("1e3", "1000"),
        ("1E", str(10**18)),
        ("1Ei", str(1024**6)),
        ("100n", "1E-7"),
    ],
)
def test_quantity_of_text_is_exact(text: str, number: str) -> None:
    """Decimal and binary suffixes and exponents are all read exactly."""
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "1 Gi", "1GB", "x", "1..2", "Gi"])
def test_quantity_of_nonsense_is_refused(text: str) -> None:
    """What is no quantity is a configuration error, not a traceback."""
    with pytest.raises(ConfigError, match="not a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "jupyter-ada"),
        ("metadata.namespace", "hub"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['team']", "kyrre"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['allowlist']", "db:5432"),
        ("metadata.labels", 'app="a \\"b\\""\nteam="kyrre"\n'),
        ("spec.nodeName", "local"),
        ("status.podIP", "127.1.2.3"),
        ("status.hostIP", "127.0.0.1"),
    ],
)
def test_field_of_a_pod_is_its_value(path: str, value: str) -> None:
    """Every field that Kubernetes documents for the downward API is known."""
    assert make_fields().read(path) == value


async def test_environment_of_all_sources_is_built_in_order() -> None:
    """Later variables may use and replace earlier ones; envFrom comes first."""
    container = {
        "name": "notebook",
        "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "250m"}},
        "envFrom": [
            {"prefix": "C_", "configMapRef": {"name": "c"}},
            {"secretRef": {"name": "no", "optional": True}},
        ],
        "env": [
            {"name": "C_key", "value": "replaced"},
            {"name": "T", "valueFrom": {"secretKeyRef": {"name": "s", "key": "token"}}},
            {"name": "USES", "value": "$(T)-$(C_key)-$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "no", "optional": True}}},
            {"name": "EMPTY"},
            {
                "name": "MEM",
                "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}},
            },
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu"}}},
            {"name": "NODE_CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        ],
    }
    assert await build_environment(container, make_fields(), read) == {
        "C_key": "replaced",
        "C_raw": "\x01",
        "T": "hemmelig",
        "USES": "hemmelig-replaced-$(LATER)",
        "LATER": "x",
        "EMPTY": "",
        "MEM": "1024",
        "CPU": "1",
        "NODE_CPU": "2",
    }


@pytest.mark.parametrize(
    ("container", "message"),
    [
        pytest.param(
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "k"}}}]},
            'secret "absent" not found',
            id="no secret",
        ),
        pytest.param(
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "absent"}}}]},
            "couldn't find key absent in Secret hub/s",
            id="no key in the secret",
        ),
        pytest.param(
            {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "absent"}}}]},
            "couldn't find key absent in ConfigMap hub/c",
            id="no key in the config map",
        ),
        pytest.param(
            {"envFrom": [{"configMapRef": {"name": "absent"}}]}, 'configmap "absent" not found', id="envFrom"
        ),
        pytest.param(
            {"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}]},
            "unsupported fieldPath: spec.x",
            id="no such field",
        ),
    ],
)
async def test_environment_with_something_missing_says_it_as_a_kubelet(
    container: dict[str, Any], message: str
) -> None:
    """The words are those of a real kubelet's CreateContainerConfigError."""
    with pytest.raises(ConfigError) as refused:
        await build_environment({"name": "notebook", **container}, make_fields(), read)
    assert str(refused.value) == message
