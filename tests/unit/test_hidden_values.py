"""What no log shows: values of a pod's variables, however a webhook quotes them."""

from __future__ import annotations

import json

import pytest
from jupyterhub.utils import new_token
from kubernetes_asyncio.client import V1Container, V1EnvVar, V1ObjectMeta, V1Pod, V1PodSpec

from jupyterhub_knada.servers.foreign_texts import on_one_line
from jupyterhub_knada.servers.hidden_values import LONGEST_READ, HiddenValues, _which_may_be_in

ODD = "k<y>&\"pass\\word'7é8\n-----BEGIN KEY-----\nMIIEvQIBADAN\n"


def _as_go(text: str) -> str:
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


@pytest.mark.parametrize(
    "quote",
    [
        pytest.param(str, id="as it is"),
        pytest.param(json.dumps, id="as JSON"),
        pytest.param(lambda text: json.dumps(text, ensure_ascii=False), id="as JSON in UTF-8"),
        pytest.param(lambda text: _as_go(json.dumps(text, ensure_ascii=False)), id="as JSON of Go"),
        pytest.param(repr, id="as Python"),
    ],
)
def test_value_is_hidden_however_it_is_quoted(quote: object) -> None:
    """A webhook may put the pod it was sent into its answer in any notation."""
    assert callable(quote)
    shown = HiddenValues([ODD]).take_out(on_one_line(f"denied: {quote(ODD)}, and more"))
    assert shown.startswith("denied: ")
    assert shown.endswith(", and more")
    assert not any(part in shown for part in ("BEGIN KEY", "MIIEvQIBADAN"))


@pytest.mark.parametrize("quote", [json.dumps, lambda text: _as_go(json.dumps(text))])
def test_value_with_letters_that_are_escaped_is_hidden_as_a_whole(quote: object) -> None:
    """Though no part of it is long enough to be looked for."""
    assert callable(quote)
    assert HiddenValues(["abc<def&ghi"]).take_out(f"denied: {quote('abc<def&ghi')}.") == 'denied: "…".'


def test_value_quoted_twice_loses_what_is_the_same_in_any_notation() -> None:
    """Such as each line of a key."""
    twice = json.dumps(json.dumps(ODD))
    shown = HiddenValues([ODD]).take_out(f"denied: {twice}")
    assert not any(part in shown for part in ("BEGIN KEY", "MIIEvQIBADAN"))


def test_values_of_a_pod_are_hidden_but_for_what_a_rule_may_complain_of() -> None:
    """Of all containers, also where a hub's hook has put mappings there; an image stands elsewhere, too."""
    own = V1Container(
        name="notebook",
        env=[V1EnvVar(name="A", value="of-the-server"), {"name": "B", "value": "of-a-hook"}],  # type: ignore[list-item]  # as hooks may
    )
    first = V1Container(
        name="first",
        env=[
            V1EnvVar(name="C", value="of-the-first"),
            V1EnvVar(name="JUPYTER_IMAGE", value="example.org/image:1"),
            V1EnvVar(name="D", value="short"),
        ],
    )
    pod = V1Pod(metadata=V1ObjectMeta(), spec=V1PodSpec(containers=[own], init_containers=[first]))
    text = "of-the-server of-a-hook of-the-first example.org/image:1 short"
    assert HiddenValues.of_pod(pod).take_out(text) == "… … … example.org/image:1 short"


def test_tokens_of_a_hub_that_was_there_before_are_hidden_by_their_form() -> None:
    """A hub that was started again knows none of its servers' tokens, but how JupyterHub makes them."""
    token = new_token()  # type: ignore[no-untyped-call]
    others = f"sha256:{'0f' * 32} {'a' * 31}"
    assert HiddenValues().take_out(f'"{token}" {others}') == f'"…" {others}'


def test_text_of_any_length_is_read_up_to_a_bound() -> None:
    """A webhook may write megabytes."""
    assert len(HiddenValues(["very-secret"]).take_out("x" * 3_000_000)) == LONGEST_READ


def test_values_that_are_not_in_the_text_are_not_looked_for() -> None:
    """A team can set thousands of variables, and each look goes through the whole text."""
    text = "the host name aaaaaaaaaaaaaaaa-abcdefgh is too long"
    forms = {"aaaaaaaX", "aaaaaaaY", "abcdefgh", "abcdefgX", "abcdefghi", ""}
    assert set(_which_may_be_in(text, forms)) == {"abcdefgh"}
