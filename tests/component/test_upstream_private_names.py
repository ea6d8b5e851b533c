"""Each private name of upstream that the package touches has a test that fails when upstream changes it."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import AsyncMock

import jupyterhub.handlers.base
import pytest
from kubespawner.spawner import KubeSpawner

from jupyterhub_knada import KnadaAzureADAuthenticator, KnadaOIDCAuthenticator
from tests.support.private_names import uses

_TESTS = Path(__file__).parents[1]
_SPAWNER = "component/test_spawner_upstream.py"
_HERE = "component/test_upstream_private_names.py"
PINS = {
    "_expand_user_properties": f"{_SPAWNER}::test_private_method_has_the_signature_that_we_know",
    "_last_event": f"{_SPAWNER}::test_private_attribute_still_means_what_we_take_it_for",
    "_log_name": f"{_SPAWNER}::test_name_of_a_server_in_logs_is_still_there",
    "_login_service_default": f"{_HERE}::test_default_that_upstream_has_too_is_ours",
    "_make_create_pod_request": f"{_SPAWNER}::test_private_method_has_the_signature_that_we_know",
    "_make_create_pvc_request": f"{_SPAWNER}::test_private_method_has_the_signature_that_we_know",
    "_make_delete_pod_request": f"{_SPAWNER}::test_private_method_has_the_signature_that_we_know",
    "_pvc_exists": f"{_SPAWNER}::test_private_attribute_still_means_what_we_take_it_for",
    "_start_future": f"{_SPAWNER}::test_private_attribute_still_means_what_we_take_it_for",
    "_start_reflector": f"{_HERE}::test_reflectors_are_still_started_in_one_place",
    "_start_watching_pods": f"{_HERE}::test_reflectors_are_still_started_in_one_place",
    "_stop_all_reflectors": f"{_HERE}::test_reflectors_are_still_stopped_in_one_place",
    "_token_authenticated": f"{_HERE}::test_request_by_token_is_still_marked_so",
    "_username_claim_default": f"{_HERE}::test_default_that_upstream_has_too_is_ours",
}
"""By name: the test that looks at upstream for it."""


def test_every_private_name_of_upstream_is_pinned() -> None:
    """A new use needs its test here first; a pin that nothing uses any more is to go."""
    found = uses()
    unpinned = [f"{use.module}:{use.line}: {use.name}" for use in found if use.name not in PINS]
    assert unpinned == []
    assert set(PINS) == {use.name for use in found}


@pytest.mark.parametrize(("name", "test"), PINS.items(), ids=PINS.keys())
def test_pin_is_a_test_that_speaks_of_its_name(name: str, test: str) -> None:
    """What is said to hold a name is there, and is about it."""
    file, _, function = test.partition("::")
    source = (_TESTS / file).read_text(encoding="utf-8")
    found = [
        "\n".join(
            source.splitlines()[
                min(line.lineno for line in (*node.decorator_list, node)) - 1 : node.end_lineno
            ]
        )
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
    ]
    assert len(found) == 1
    assert name in found[0]


def test_reflectors_are_still_started_in_one_place() -> None:
    """KubeSpawner starts both of its reflectors by `_start_reflector`, and waits there for a first list."""
    parameters = inspect.signature(KubeSpawner._start_reflector).parameters
    assert list(parameters) == ["self", "kind", "reflector_class", "replace", "kwargs"]
    for method in ("_start_watching_pods", "_start_watching_events"):
        assert "self._start_reflector(" in inspect.getsource(getattr(KubeSpawner, method))
    assert "await current_reflector.first_load_future" in inspect.getsource(KubeSpawner._start_reflector)


def test_reflectors_are_still_stopped_in_one_place() -> None:
    """`_stop_all_reflectors` is a class method without arguments, which empties the class's `reflectors`."""
    assert list(inspect.signature(KubeSpawner._stop_all_reflectors).parameters) == []
    assert inspect.iscoroutinefunction(KubeSpawner._stop_all_reflectors)
    assert "cls.reflectors.pop(key)" in inspect.getsource(KubeSpawner._stop_all_reflectors)


async def test_reflectors_are_still_told_what_to_select() -> None:
    """Pods by `labels`, events by `fields`: what our watches ask the API server for is made of them."""
    start = AsyncMock()
    spawner = SimpleNamespace(component_label="x", enable_user_namespaces=False, _start_reflector=start)
    for method in (KubeSpawner._start_watching_pods, KubeSpawner._start_watching_events):
        await method(spawner)  # type: ignore[arg-type, no-untyped-call] # it stands for one
    pods, events = (call.kwargs for call in start.await_args_list)
    assert (pods["kind"], pods["labels"]) == ("pods", {"component": "x"})
    assert (events["kind"], events["fields"]) == ("events", {"involvedObject.kind": "Pod"})
    assert not [call.args for call in start.await_args_list if call.args]


def test_request_by_token_is_still_marked_so() -> None:
    """`refresh_user` says for JupyterHub which requests are not by token, where it does not say so itself."""
    assert "self._token_authenticated = True" in inspect.getsource(jupyterhub.handlers.base.BaseHandler)


@pytest.mark.parametrize(
    ("cls", "method", "value"),
    [
        (KnadaAzureADAuthenticator, "_username_claim_default", "onPremisesSamAccountName"),
        (KnadaOIDCAuthenticator, "_username_claim_default", "preferred_username"),
        (KnadaOIDCAuthenticator, "_login_service_default", "OpenID Connect"),
    ],
)
def test_default_that_upstream_has_too_is_ours(
    monkeypatch: pytest.MonkeyPatch, cls: type, method: str, value: str
) -> None:
    """The names are upstream's by chance: ours count, whatever upstream calls its own."""
    for name in ("OAUTH2_USERNAME_KEY", "LOGIN_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    trait = method.removeprefix("_").removesuffix("_default")
    assert getattr(cls(), trait) == value
