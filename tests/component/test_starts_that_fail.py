"""What a person, an editor and an admin read of a start that fails: the same cause, whatever ended it.

A real hub on the embedded Kubernetes API; the test is the node, and writes what a kubelet would.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import web

from jupyterhub_knada.devcluster.node.cluster import ApiError, Listed, object_path
from jupyterhub_knada.devcluster.node.watching import follow
from tests.support.local_cluster import local_cluster
from tests.support.real_hub import API_TOKEN, RealHub, running_hub
from tests.support.team_files import write_files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from jupyterhub_knada.devcluster.node.cluster import ClusterClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = """
from jupyterhub_knada.hub_config import configure
c.JupyterHub.load_roles[0]["scopes"] += ["admin:servers", "admin:server_state"]
demo = "jupyterhub_knada.KnadaDemoAuthenticator"
configure(c, teams_dir="teams", authenticator=demo, culler=False)
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.allow_all = True
c.KubeSpawner.namespace = "hub"
c.KubeSpawner.port = {port}
c.KubeSpawner.start_timeout = 8
c.KubeSpawner.http_timeout = 6
c.KubeSpawner.poll_interval = 1
c.KubeSpawner.delete_grace_period = 0
c.KubeSpawner.consecutive_failure_limit = 0
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 60}}

def pre_spawn(spawner):
    if spawner.user.name == "prehook":
        raise RuntimeError("http://10.0.0.1/?password=hunter2")

def modify_pod(spawner, pod):
    if spawner.user.name == "podhook":
        raise RuntimeError("http://10.0.0.1/?password=hunter2")
    return pod

c.KubeSpawner.pre_spawn_hook = pre_spawn
c.KubeSpawner.modify_pod_hook = modify_pod
"""
TEAM = "Report this to whoever keeps the team's file."
HUB = "Report this to whoever runs this hub."
NO_ANSWER = "The server did not answer within 6 seconds. "
NOT_READY = "The server was not ready after 8 seconds. "
EXIT_3 = {"terminated": {"exitCode": 3, "reason": "Error", "startedAt": None, "finishedAt": None}}
RUNS = {"ready": True, "state": {"running": {}}}


def _state(**notebook: Any) -> dict[str, Any]:
    """Give the status of a pod whose container is like this."""
    container = {
        "name": "notebook",
        "image": "x",
        "imageID": "",
        "restartCount": 0,
        "ready": False,
        **notebook,
    }
    return {"phase": "Running", "podIP": "127.0.0.1", "containerStatuses": [container]}


@dataclass(frozen=True)
class Failure:
    """One way in which a start fails."""

    said: str
    """The last sentence."""
    logged: str = ""
    """What the hub's log has besides."""
    statuses: tuple[dict[str, Any], ...] = ()
    """What the node writes of the pod, one after the other."""
    events: tuple[tuple[str, str], ...] = ()
    """Reason and text of events, written after the first status."""
    is_deleted: bool = False
    """Somebody deletes the pod in the end."""


CRASHES = "The server ends as soon as it starts (exit code 3). "
FAILURES: dict[str, Failure] = {
    "silent": Failure(
        f"{NO_ANSWER}It runs, but does not answer the hub. Try another profile. "
        "If that does not answer either, report it to whoever runs this hub.",
        "pod Running",
        statuses=(_state(**RUNS),),
    ),
    "crash": Failure(
        f"{NO_ANSWER}{CRASHES}{TEAM}",
        "notebook ended: Error, exit code 3",
        statuses=(
            _state(**RUNS),
            _state(state=EXIT_3),
            _state(
                restartCount=1,
                state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting"}},
                lastState=EXIT_3,
            ),
        ),
    ),
    "early": Failure(
        f"{NOT_READY}{CRASHES}{TEAM}",
        "notebook ended: Error, exit code 3",
        statuses=(_state(restartCount=1, state=EXIT_3, lastState=EXIT_3),),
    ),
    "ended": Failure(
        f"The server ended by itself, without an error, before it could be used. {TEAM}",
        "pod Succeeded",
        statuses=(
            _state(**RUNS),
            {
                **_state(
                    state={"terminated": {**EXIT_3["terminated"], "exitCode": 0, "reason": "Completed"}}
                ),
                "phase": "Succeeded",
            },
        ),
    ),
    "deleted": Failure(
        "The server was deleted while it started. Try again.",
        "no pod",
        statuses=(_state(**RUNS),),
        is_deleted=True,
    ),
    "hook": Failure(
        f"{NOT_READY}The profile's start command (postStart) failed, so that the server was ended. {TEAM}",
        "notebook waits: PostStartHookError",
        statuses=(
            _state(
                restartCount=1,
                state={"waiting": {"reason": "PostStartHookError", "message": "PostStartHook failed"}},
                lastState=EXIT_3,
            ),
        ),
        events=(("FailedPostStartHook", "PostStartHook failed"), ("Killing", "FailedPostStartHook")),
    ),
    "unknown": Failure(
        f"{NOT_READY}Kubernetes reported a problem with the server that this page has no words for. "
        f"The hub's log has it. {HUB}",
        "BrandNew: 0/1 machines are",
        statuses=({"phase": "Pending"},),
        events=(("BrandNew", "0/1 machines are new"),),
    ),
    "prehook": Failure(
        f"A setting of this hub failed while the server was prepared. The hub's log has why. {HUB}",
        "hunter2",
    ),
    "podhook": Failure(
        f"A setting of this hub failed while the server was prepared. The hub's log has why. {HUB}",
        "hunter2",
    ),
}
"""By the name of the person whose start it is."""
_READY_NODE = {
    "capacity": {"cpu": "8", "memory": "32Gi", "pods": "110"},
    "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"}],
}


@dataclass
class Servers:
    """What stands at the pods' address: it fails every request, and knows whose servers were asked."""

    asked: dict[str, asyncio.Event] = field(
        default_factory=lambda: {name: asyncio.Event() for name in FAILURES}
    )

    async def fail(self, request: web.Request) -> web.Response:
        """Answer as a program that has not begun, which JupyterHub does not count as an answer."""
        self.asked[request.path.split("/")[2]].set()
        return web.Response(status=503)


class Node:
    """A kubelet that writes of each person's pod what its failure says."""

    def __init__(self, client: ClusterClient, servers: Servers) -> None:
        self._client, self._servers = client, servers

    async def run(self) -> None:
        """Register, and play every pod until cancelled."""
        await self._client.create(
            object_path("v1", "nodes"), {"metadata": {"name": "one"}, "status": _READY_NODE}
        )
        played: set[str] = set()
        async with asyncio.TaskGroup() as tasks:
            async for seen in follow(self._client, "/api/v1/pods", {}):
                for pod in seen.items if isinstance(seen, Listed) else (seen.item,):
                    meta = pod["metadata"]
                    if "deletionTimestamp" in meta:
                        await self._let_go(pod)
                    elif pod["spec"].get("nodeName") and meta["uid"] not in played:
                        played.add(meta["uid"])
                        tasks.create_task(self._play(pod))

    async def _let_go(self, pod: dict[str, Any]) -> None:
        meta = pod["metadata"]
        with contextlib.suppress(ApiError):  # it is gone
            await self._client.delete(
                object_path("v1", "pods", meta["namespace"], meta["name"]), {"gracePeriodSeconds": 0}
            )

    async def _play(self, pod: dict[str, Any]) -> None:
        meta = pod["metadata"]
        name = meta["labels"]["hub.jupyter.org/username"]
        failure = FAILURES[name]
        path = object_path("v1", "pods", meta["namespace"], meta["name"])
        for number, status in enumerate(failure.statuses):
            if number == 1:
                await self._servers.asked[name].wait()
            await self._client.patch(f"{path}/status", {"status": status})
        for number, (reason, message) in enumerate(failure.events):
            about = {"kind": "Pod", **{key: meta[key] for key in ("name", "namespace", "uid")}}
            event = {
                "metadata": {"name": f"{meta['name']}.{number}"},
                "involvedObject": about,
                "reason": reason,
                "message": message,
                "type": "Warning" if reason != "Killing" else "Normal",
                "firstTimestamp": meta["creationTimestamp"],
                "lastTimestamp": meta["creationTimestamp"],
            }
            await self._client.create(object_path("v1", "events", meta["namespace"]), event)
        if failure.is_deleted:
            await self._servers.asked[name].wait()
            await self._client.delete(path, {"gracePeriodSeconds": 0})


@dataclass(frozen=True)
class Words:
    """Where a start's last word stands."""

    answer: str
    """Of the REST API."""
    progress: tuple[str, ...]
    page: str


async def read_start(hub: RealHub, name: str) -> Words:
    """Start somebody's server and read, to the end, what is said of it."""
    assert (await hub.api(f"/users/{name}", method="POST"))[0] == 201
    async with asyncio.timeout(120):
        start = asyncio.create_task(hub.api(f"/users/{name}/server", method="POST"))
        heard: list[str] = []
        while not heard and not start.done():
            heard = await _read_progress(hub, name)
        _, answer = await start
        # What is left on the page is said again, whoever comes later.
        heard += await _read_progress(hub, name)
    async with hub.browser() as browser:
        _, page = await browser.open("/hub/login")
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page)
        assert xsrf is not None
        form = {"username": name, "password": "x", "_xsrf": xsrf[1]}
        # Where sign-in leads to, JupyterHub forgets the start that failed.
        async with browser.session.post(f"{hub.url}/hub/login", data=form, allow_redirects=False):
            pass
        _, page = await browser.open(f"/hub/spawn-pending/{name}")
    return Words(answer["message"], tuple(heard), html.unescape(page))


async def _read_progress(hub: RealHub, name: str) -> list[str]:
    headers = {"Authorization": f"token {API_TOKEN}"}
    url = f"{hub.url}/hub/api/users/{name}/server/progress"
    async with hub.session.get(url, headers=headers) as answer:
        if answer.status != 200:
            return []
        return [json.loads(line[5:])["message"] async for line in answer.content if line.startswith(b"data:")]


@dataclass(frozen=True)
class Place:
    """What was said of every start, and the hub's log."""

    words: Mapping[str, Words]
    log: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """Start everybody's server at the same time."""
    folder: Path = tmp_path_factory.mktemp("hub")
    write_files(
        folder, alfa=f"namespace: team-alfa\nusers: [{', '.join(FAILURES)}]\nstorage: {{none: true}}\n"
    )
    servers = Servers()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", servers.fail)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with local_cluster(folder) as cluster:
        for namespace in ("hub", "team-alfa"):
            body = {"metadata": {"name": namespace, "labels": {"team-namespace": "true"}}}
            await cluster.client.create(object_path("v1", "namespaces"), body)
        node = asyncio.create_task(Node(cluster.client, servers).run())
        environment = {"KUBECONFIG": str(cluster.kubeconfig)}
        config = CONFIG.format(port=runner.addresses[0][1])
        async with running_hub(folder, config, environment=environment) as hub:
            read = await asyncio.gather(*(read_start(hub, name) for name in FAILURES))
            yield Place(dict(zip(FAILURES, read, strict=True)), hub.log)
        node.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await node
    await runner.cleanup()


@pytest.mark.parametrize("name", FAILURES)
async def test_last_word_of_a_start_that_fails_is_its_cause(place: Place, name: str) -> None:
    """The same for whoever reads the page, the API or the progress, then and later."""
    words, said = place.words[name], FAILURES[name].said
    assert words.answer == said
    assert words.progress[-1] == f"Spawn failed: {said}"
    assert said in words.page


@pytest.mark.parametrize("name", FAILURES)
async def test_log_has_the_cause_and_kubernetes_words(place: Place, name: str) -> None:
    """What no page shows, an admin can read."""
    failure = FAILURES[name]
    lines = [line for line in place.log.splitlines() if f"Start of {name} failed" in line]
    assert any(failure.said in line or "hook" in name for line in lines)
    assert failure.logged in place.log


async def test_nothing_that_is_said_of_a_start_is_an_address_or_a_text_of_others(place: Place) -> None:
    """Neither the last word nor any before it."""
    said = [text for words in place.words.values() for text in (words.answer, *words.progress)]
    raw = re.compile(r"127\.0\.0\.1|10\.0\.0\.1|hunter2|0/1|back-off|PostStart[A-Z]|Error\b|BrandNew")
    assert [text for text in said if raw.search(text)] == []


async def test_start_says_as_it_happens_that_its_program_ends(place: Place) -> None:
    """Also while the hub waits for the server's answer, when its pod has been ready for long."""
    said = "The server ends as soon as it starts (exit code 3); Kubernetes tries again."
    assert said in place.words["crash"].progress
    assert said in place.words["early"].progress
    assert "An earlier server is being stopped." not in place.words["hook"].progress
