"""What we rely on of JupyterHub and KubeSpawner beyond their public interface."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from typing import TYPE_CHECKING, Any

import kubespawner.spawner
import pytest
from jupyterhub.objects import Server
from jupyterhub.spawner import Spawner
from jupyterhub.user import User
from kubernetes_asyncio.client import V1ObjectMeta, V1Pod
from kubernetes_asyncio.client.rest import ApiException
from kubespawner.objects import make_pod
from kubespawner.spawner import KubeSpawner

from jupyterhub_knada.servers.older_names import older_claim_names
from jupyterhub_knada.servers.override_rules import OWNED
from jupyterhub_knada.servers.patience import read_status
from jupyterhub_knada.servers.refusing import ToldError
from jupyterhub_knada.servers.spawner import KnadaSpawner
from jupyterhub_knada.servers.telling import PodRefusedError, StartTimedOutError
from jupyterhub_knada.servers.templates import KUBESPAWNER_NAMES
from jupyterhub_knada.servers.traits import POD_TRAITS

if TYPE_CHECKING:
    from tests.support.spawners import Spawners

TEAM = "namespace: team-alfa\nusers: [e152435]\n"

NOT_OF_A_POD = frozenset(
    [
        "additional_profile_form_template_paths",
        "after_pod_created_hook",
        "apply_user_options",
        "auth_state_hook",
        "component_label",
        "consecutive_failure_limit",
        "delete_pvc",
        "delete_stopped_pods",
        "dns_name_template",
        "events_enabled",
        "get_pod_url",
        "group_overrides",
        "hub_connect_ip",
        "hub_connect_port",
        "hub_connect_url",
        "ip",
        "k8s_api_host",
        "k8s_api_request_retry_timeout",
        "k8s_api_request_timeout",
        "k8s_api_ssl_ca_cert",
        "k8s_api_threadpool_workers",
        "k8s_api_verify_ssl",
        "oauth_client_allowed_scopes",
        "oauth_roles",
        "options_form",
        "options_from_form",
        "pod_connect_ip",
        "pod_name_template",
        "poll_interval",
        "poll_jitter",
        "port",
        "post_stop_hook",
        "pre_spawn_hook",
        "profile_form_template",
        "progress_ready_hook",
        "pvc_name_template",
        "secret_mount_path",
        "secret_name_template",
        "server_token_scopes",
        "services_enabled",
        "slug_scheme",
        "ssl_alt_names",
        "ssl_alt_names_include_local",
        "user_namespace_annotations",
        "user_namespace_labels",
        "user_namespace_template",
    ]
)
"""Settings of the hub itself: no profile may override them, no start sets them."""


def test_every_trait_of_kubespawner_is_known() -> None:
    """A setting that a new version brings has to be looked at: does it shape a pod?"""
    upstream = set(KubeSpawner.class_traits(config=True))
    assert upstream - POD_TRAITS - NOT_OF_A_POD == set()
    # KubeSpawner 7.0 has no words of its own for a slow start.
    assert {name for name in POD_TRAITS - upstream if not name.startswith("slow_spawn_")} == set()
    assert OWNED.keys() >= NOT_OF_A_POD


async def test_template_names_are_those_that_kubespawner_expands(
    spawners: Spawners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`{…}` names that stock documents are filled in; no other is."""
    seen: set[str] = set()

    class Template(str):
        __slots__ = ()

        def format(self, **names: Any) -> str:  # type: ignore[override]
            seen.update(names)
            return ""

    spawners.write(alfa=TEAM)
    KubeSpawner._expand_user_properties(spawners.make(), Template(""))  # type: ignore[no-untyped-call]
    monkeypatch.undo()
    assert seen == KUBESPAWNER_NAMES


TEXTS = (
    "",
    "-",
    "--",
    "a",
    "a-",
    "a--b",
    "{{",
    "}}",
    "{{}}",
    "{{-}}",
    "{{-",
    "-}}",
    "{{{{username}}}}",
    "{{username}}--",
    "{{{username}}}",
    "{username}--{servername}",
    "{unescaped_servername}-",
    "{{}}{unescaped_servername}",
    "$(A){{}}\n%s \u00e5",
)
BROKEN_TEXTS = ("{", "}", "a}", "{{}", "{}}", "{{{", "}}}", "{ {", "} }", "{{{}}", "{nobody}", "{}", "{0}")


@pytest.mark.parametrize("server_name", ["", "second", "ends-in-", "-"])
async def test_text_is_filled_in_as_by_kubespawner(spawners: Spawners, server_name: str) -> None:
    """What `FillingKubeSpawner` leaves out changes no text, and spares no error."""
    spawners.write(alfa=TEAM)
    spawner = spawners.make(server_name=server_name)
    for text in TEXTS:
        theirs = KubeSpawner._expand_user_properties(spawner, text)  # type: ignore[no-untyped-call]
        assert spawner._expand_user_properties(text) == theirs, text
    for text in BROKEN_TEXTS:
        with pytest.raises((ValueError, LookupError)) as theirs:
            KubeSpawner._expand_user_properties(spawner, text)  # type: ignore[no-untyped-call]
        with pytest.raises(theirs.type, match=f"^{re.escape(str(theirs.value))}$"):
            spawner._expand_user_properties(text)


async def test_names_are_worked_out_only_for_texts_that_have_one(
    spawners: Spawners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand short texts of a profile do not cost the hub a thousand hashes of a server's name."""
    filled_in: list[str] = []
    theirs = KubeSpawner._expand_user_properties

    def expand(self: KubeSpawner, template: str, slug_scheme: str | None = None) -> Any:
        filled_in.append(template)
        return theirs(self, template, slug_scheme)  # type: ignore[no-untyped-call]

    spawners.write(alfa=TEAM)
    spawner = spawners.make(server_name="second")
    monkeypatch.setattr(KubeSpawner, "_expand_user_properties", expand)
    texts = ["a", "{{", "{servername}"] * 2
    assert spawner._expand_all(texts) == ["a", "{", "second"] * 2  # type: ignore[no-untyped-call]
    assert filled_in == ["{servername}"] * 2


def test_variables_of_a_pod_are_sorted_by_their_references_for_as_many_rounds_as_these_go() -> None:
    """Why the number of `$(` is bounded: `make_pod` looks for each, and sorts by them, on the event loop."""
    chain = {f"A{n}": f"$(A{n + 1})" for n in range(4)} | {"A4": "x"}
    pod = make_pod(name="x", cmd=["x"], port=1, image="x", image_pull_policy="Always", env=chain)  # type: ignore[no-untyped-call]
    assert [variable.name for variable in pod.spec.containers[0].env] == ["A4", "A3", "A2", "A1", "A0"]
    source = inspect.getsource(make_pod)
    assert r"\$\(([^\)]+)\)" in source
    assert 'v["deps"].issubset(already_resolved_env_names)' in source


def test_words_for_a_slow_start_are_filled_in_with_the_seconds_alone() -> None:
    """What `MESSAGE_NAMES` says of `KubeSpawner.progress`, where there are such words (7.1)."""
    source = inspect.getsource(KubeSpawner.progress)
    has_words = "slow_spawn_message" in KubeSpawner.class_trait_names()
    assert source.count(".format(") == (1 if has_words else 0)
    assert ("patience_message.format(seconds=int(elapsed))" in source) is has_words


@pytest.mark.parametrize(
    ("template", "user", "names"),
    [
        pytest.param("claim-{user_server}", "e152435", ("claim-e152435",), id="an ident in stock's template"),
        pytest.param(
            "claim-{username}{servername}",
            "per.o@nav.no",
            ("claim-per-o-nav-no---d1525b0e", "claim-per-2eo-40nav-2eno"),
            id="a mail address in the chart's old template",
        ),
        pytest.param(
            "{hubnamespace}-{username}--{servername}",
            "e1",
            ("claim-e1", "jupyterhub-e1"),
            id="a template of the hub's own",
        ),
    ],
)
async def test_older_claim_names_are_what_older_hubs_gave(
    spawners: Spawners, monkeypatch: pytest.MonkeyPatch, template: str, user: str, names: tuple[str, ...]
) -> None:
    """Both slug schemes of `_expand_user_properties`, without any server's name."""
    monkeypatch.setattr(KubeSpawner, "_namespace_default", lambda _: "jupyterhub")
    spawners.config.KubeSpawner.pvc_name_template = template
    spawners.write(alfa=TEAM)
    assert older_claim_names(spawners.make(user, server_name="second")) == names


@pytest.mark.parametrize(
    ("cls", "name", "parameters"),
    [
        (KubeSpawner, "_make_create_pod_request", ["self", "pod", "request_timeout"]),
        (KubeSpawner, "_make_create_pvc_request", ["self", "pvc", "request_timeout"]),
        (
            KubeSpawner,
            "_make_delete_pod_request",
            ["self", "pod_name", "delete_options", "grace_seconds", "request_timeout"],
        ),
        (KubeSpawner, "_start", ["self"]),
        (KubeSpawner, "_expand_user_properties", ["self", "template", "slug_scheme"]),
        (KubeSpawner, "_run_apply_user_options", ["self", "user_options"]),
        (KubeSpawner, "run_options_from_form", ["self", "form_data"]),
    ],
)
def test_private_method_has_the_signature_that_we_know(cls: type, name: str, parameters: list[str]) -> None:
    """What we override or what calls us is still there, with the same parameters."""
    assert list(inspect.signature(getattr(cls, name)).parameters) == parameters


@pytest.mark.parametrize(
    ("method", "use"),
    [
        pytest.param("_start", "not self._pvc_exists", id="a claim that is known is looked up no more"),
        pytest.param("_start", "self._pvc_exists = True", id="a claim that was made is known"),
        pytest.param("_start", 'self._last_event = events[-1]["metadata"]["uid"]', id="where events begin"),
        pytest.param("start", "self._start_future = asyncio.ensure_future", id="the future of a start"),
        pytest.param("progress", "start_future = self._start_future", id="what ends the progress"),
        pytest.param("stop", "timeout=self.start_timeout", id="how long a stop waits for the pod's end"),
        pytest.param("stop", "grace_seconds = self.delete_grace_period", id="how long a pod may take"),
    ],
)
def test_private_attribute_still_means_what_we_take_it_for(method: str, use: str) -> None:
    """We read or set these; under another name ours would silently do nothing."""
    assert use in inspect.getsource(getattr(KubeSpawner, method))


def test_first_answer_is_still_waited_for_by_the_server_of_the_spawner() -> None:
    """What `ReadinessKubeSpawner.server` puts in its place is what `User._wait_up` calls."""
    source = inspect.getsource(User._wait_up)
    assert "server = spawner.server" in source
    assert re.search(r"await server\.wait_up\(\s*http=True,\s*timeout=spawner\.http_timeout", source)
    assert isinstance(inspect.getattr_static(Spawner, "server"), property)
    assert list(inspect.signature(Server.wait_up).parameters) == [
        "self",
        "timeout",
        "http",
        "ssl_context",
        "extra_path",
    ]


def test_name_of_a_server_in_logs_is_still_there() -> None:
    """Our lines in the hub's log name a server as its own do."""
    assert isinstance(inspect.getattr_static(Spawner, "_log_name"), property)


def test_start_calls_what_we_override_in_the_order_that_we_rely_on() -> None:
    """`_start` loads options, then makes the claim, then the manifest and the pod."""
    source = inspect.getsource(KubeSpawner._start)
    marks = [
        "self.load_user_options()",
        "self._start_watching_pods()",
        "self.storage_pvc_ensure",
        "self.get_pvc_manifest()",
        "self.get_pod_manifest()",
        "self._make_create_pod_request",
        "self.is_pod_running",
    ]
    places = [source.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "load_config(" in inspect.getsource(KubeSpawner.__init__)
    assert hasattr(kubespawner.spawner, "load_config")


SECRET = "very-secret-value"
REFUSED_PODS = {
    "quota": (
        403,
        "Forbidden",
        'pods "x" is forbidden: exceeded quota: team, used: memory=9G',
        "its quota is used up",
    ),
    "a webhook that quotes the pod": (
        403,
        "Forbidden",
        f'admission webhook "rule.test" denied the request: token\n{SECRET}, env team-{SECRET} ' + "x" * 9000,
        "a rule of the cluster, rule.test, forbids it",
    ),
    "no namespace": (404, "Not Found", 'namespaces "team-alfa" not found', "the namespace does not exist"),
}


@pytest.mark.parametrize(
    ("status", "reason", "message", "why"), REFUSED_PODS.values(), ids=REFUSED_PODS.keys()
)
async def test_pod_that_the_cluster_refuses_is_told_without_its_tokens(
    spawners: Spawners, caplog: pytest.LogCaptureFixture, status: int, reason: str, message: str, why: str
) -> None:
    """Stock logs the whole pod with its API token; here the log has what the API said, the person why."""
    spawners.write(alfa=TEAM + f"env: {{PASSPHRASE: team-{SECRET}}}\n")
    spawner = spawners.make()
    await spawners.start(spawner, {})
    spawner.api_token = SECRET
    pod = await spawner.get_pod_manifest()
    refusal = ApiException(status=status, reason=reason)
    refusal.body = json.dumps({"kind": "Status", "message": message}).encode()

    async def refuse(*_: Any) -> None:
        raise refusal

    spawner.api.create_namespaced_pod = refuse
    caplog.clear()
    with pytest.raises(PodRefusedError) as failed:
        await spawner._make_create_pod_request(pod, 3)
    assert failed.value.status_code == 409
    assert f"in namespace team-alfa: {why}." in failed.value.jupyterhub_message
    assert f"refused: {status} {reason}: {message[:30]}" in caplog.text
    assert len(caplog.text) < 1500
    assert SECRET not in caplog.text + str(failed.value) + failed.value.jupyterhub_message


NO_GPU = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
}


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        pytest.param(
            {"metadata": {}, "status": {"conditions": [NO_GPU]}}, "none has a free GPU", id="a pod waits"
        ),
        pytest.param(None, "^HTTP 504: .* .Kubernetes did not answer in time. Try", id="no pod at all"),
    ],
)
async def test_wait_that_kubespawner_ends_first_tells_what_the_pod_waits_for(
    spawners: Spawners, monkeypatch: pytest.MonkeyPatch, pod: dict[str, Any] | None, told: str
) -> None:
    """KubeSpawner's own wait varies by a tenth, so that it may end before ours: the reason is the same."""
    spawners.write(alfa=TEAM)
    spawner = spawners.make()
    await spawners.start(spawner, {})
    monkeypatch.setattr(spawner, "_seen_pod", lambda: pod)
    stock: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stock.set_exception(TimeoutError("too slow"))
    with pytest.raises(StartTimedOutError, match=told):
        await spawner._tell_failure(stock)


@pytest.mark.parametrize(
    "body", [None, b"", b"<html>", b"[]", b'{"message": 5}', b"\xff", b'{"message": null}']
)
def test_status_message_of_what_is_no_status_is_empty(body: bytes | None) -> None:
    """A proxy may answer in place of the API; nothing of that is taken for a reason."""
    assert read_status(body) == ("", "")


@pytest.mark.parametrize(
    "pod",
    [
        None,
        {"metadata": {}},
        {"metadata": {}, "status": {}},
        {"metadata": {}, "status": {"phase": "Running"}},
        {"metadata": {}, "status": {"phase": "Running", "podIP": None, "containerStatuses": None}},
        {
            "metadata": {},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [{"ready": False}]},
        },
        {
            "metadata": {"deletionTimestamp": "now"},
            "status": {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [{"ready": True}]},
        },
    ],
    ids=["none", "no status", "empty", "no address", "nulls", "not ready", "on its way out"],
)
async def test_pod_that_is_not_there_yet_is_not_running(spawners: Spawners, pod: Any) -> None:
    """What a status leaves out is no error."""
    spawners.write(alfa=TEAM)
    assert spawners.make().is_pod_running(pod) is False


async def test_events_without_times_are_told_in_order(
    spawners: Spawners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real events may have neither lastTimestamp nor eventTime; stock ends the start with a TypeError."""
    spawners.write(alfa=TEAM)
    spawner = spawners.make()
    about = {"name": spawner.pod_name}
    events = {
        "c": {
            "metadata": {"uid": "c", "creationTimestamp": "3"},
            "involvedObject": about,
            "reason": "Started",
        },
        "a": {"metadata": {"uid": "a"}, "involvedObject": about, "lastTimestamp": "1"},
        "b": {"metadata": {"uid": "b"}, "involvedObject": about, "lastTimestamp": None, "eventTime": "2"},
        "x": {"metadata": {"uid": "x"}, "involvedObject": {"name": "other"}, "lastTimestamp": "2"},
    }
    reflector = type("Reflector", (), {"resources": events})
    monkeypatch.setitem(KnadaSpawner.reflectors, ("events", spawner.namespace), reflector)
    assert [event["metadata"]["uid"] for event in spawner.events] == ["a", "b", "c"]
    assert spawner.events[0]["message"] == ""
    spawner._last_event = "b"
    assert [event["metadata"]["uid"] for event in spawner.events] == ["c"]


async def test_events_with_times_of_different_precision_are_told_in_order(
    spawners: Spawners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time without a fraction may be any in its second: there, what came first is told first."""
    spawners.write(alfa=TEAM)
    spawner = spawners.make()
    times = {
        "c": {"lastTimestamp": "2026-11-21T12:00:06Z"},
        "a": {"eventTime": "2026-11-21T12:00:05.900000Z"},
        "b": {"lastTimestamp": "2026-11-21T12:00:05Z"},
    }
    about = {"name": spawner.pod_name}
    events = {uid: {"metadata": {"uid": uid}, "involvedObject": about, **time} for uid, time in times.items()}
    reflector = type("Reflector", (), {"resources": events})
    monkeypatch.setitem(KnadaSpawner.reflectors, ("events", spawner.namespace), reflector)
    assert [event["metadata"]["uid"] for event in spawner.events] == ["a", "b", "c"]


def test_percent_signs_are_told_as_they_are() -> None:
    """Tornado doubles them itself for the text that JupyterHub's error page fills in."""
    error = ToldError(409, "100% of it, %s")
    assert str(error) == "HTTP 409: Conflict (100% of it, %s)"
    assert (error.log_message or "") % error.args == error.jupyterhub_message == "100% of it, %s"


def test_pod_of_the_client_still_has_labels_to_seal() -> None:
    """`get_pod_manifest` gives the client's own objects."""
    assert V1Pod(metadata=V1ObjectMeta(labels={})).metadata.labels == {}
