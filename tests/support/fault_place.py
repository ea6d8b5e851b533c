"""A hub, a cluster and a node as processes, with a faulty way between hub and cluster; and the people there.

`Person.assert_whole` holds what has to be true after any fault.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.support.faulty_api import Fault, FaultyApi
from tests.support.real_hub import API_TOKEN, HubProcess, RealHub
from tests.support.team_files import write_files
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from tests.support.kubernetes_api import KubernetesApi

Json = dict[str, Any]
TEAMS = ("alfa", "full", "late")
"""`full` has no room for a home, `late` needs a node with the label `pool=late`."""
_SERVER = Path(__file__).with_name("tiny_server.py")
_PORT = 8888
_LATEST_SECONDS = 120
_LOOK_SECONDS = 0.2
"""Between two looks at hub and cluster: many are looked at at the same time."""

_CONFIG = """
import sys
from jupyterhub_knada.hub_config import configure
c.JupyterHub.load_roles[0]["scopes"] += ["admin:servers", "admin:server_state", "shutdown"]
demo = "jupyterhub_knada.KnadaDemoAuthenticator"
configure(c, teams_dir="teams", authenticator=demo, culler=False)
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.allow_all = True
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.init_spawners_timeout = 1
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.KubeSpawner.namespace = "{prefix}-hub"
c.KubeSpawner.cmd = ["python", "{server}"]
c.KubeSpawner.port = {port}
c.KubeSpawner.environment = {{"TINY_GATE": "{gates}"}}
c.KubeSpawner.start_timeout = {patience.start}
c.KubeSpawner.http_timeout = 60
c.KubeSpawner.poll_interval = 1
c.KubeSpawner.delete_grace_period = 1
c.KubeSpawner.k8s_api_request_timeout = {patience.request}
c.KubeSpawner.k8s_api_request_retry_timeout = {patience.retry}
c.KubeSpawner.consecutive_failure_limit = 0
"""

_NOT_FOR_PEOPLE = re.compile(
    r"Traceback|HTTP response|Reason: |Status\"|\"kind\"|ClientConnector|ServerDisconnected|ApiException"
    r"|etcdserver|Errno|0x[0-9a-f]+|[a-z]+Error\b|None|\{|\}|<|>|127\.0\.0\.1:"
)
"""What a raw reply, a Python object or an address of the cluster would look like."""
_SENTENCES = re.compile(r"[A-Z].*[.…\]!]", re.DOTALL)


@dataclass(frozen=True)
class Patience:
    """How long the hub waits, in seconds."""

    request: int = 2
    """For the answer to one call."""
    retry: int = 8
    """Until a call is not made again."""
    start: int = 60


@dataclass(frozen=True)
class Told:
    """What a person read while the server started, and how it ended."""

    messages: tuple[str, ...]
    is_ready: bool

    @property
    def last(self) -> str:
        """The last sentence: that it is ready, or why not."""
        return self.messages[-1]

    def assert_in_words(self) -> None:
        """Hold that each message is made of plain sentences, but for the two that are JupyterHub's own."""
        messages = self.messages[:-1] if self.is_ready else self.messages
        for message in messages:
            if message == "Server requested":
                continue
            told = message.removeprefix("Spawn failed: ")
            assert _SENTENCES.fullmatch(told), f"no sentence: {told!r}"
            assert not _NOT_FOR_PEOPLE.search(told), f"not for people: {told!r}"


@dataclass
class Place:
    """All of it. Namespaces have names of their own, so that nothing else in the cluster is met."""

    process: HubProcess
    api: FaultyApi
    admin: KubernetesApi
    """Goes straight to the cluster."""
    prefix: str
    gates: Path

    @property
    def hub(self) -> RealHub:
        """The hub."""
        return self.process.hub

    def namespace(self, team: str) -> str:
        """Give a team's namespace."""
        return f"{self.prefix}-{team}"

    async def person(self, name: str, team: str = "alfa") -> Person:
        """Add somebody to the hub."""
        status, _ = await self.hub.api(f"/users/{name}", method="POST")
        assert status == HTTPStatus.CREATED, status
        return Person(name, team, self)

    @contextlib.contextmanager
    def closed_gate(self, name: str) -> Any:
        """Let somebody's server start without listening, until this ends."""
        gate = self.gates / name
        os.mkfifo(gate)
        try:
            yield
        finally:
            self.open_gate(name)

    def open_gate(self, name: str) -> None:
        """Let somebody's server listen, if it waits."""
        gate = self.gates / name
        with contextlib.suppress(OSError):
            os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        gate.unlink(missing_ok=True)


@dataclass
class Person:
    """Somebody with a default server in one team."""

    name: str
    team: str
    place: Place
    homes: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    """By namespace: the claim's uid, and what the home held."""

    def fault(self, verb: str, resource: str, **what: Any) -> Fault:
        """Add a fault of this person's requests."""
        return self.place.api.add(Fault(verb, resource, self.name, **what))

    async def server(self) -> Json:
        """Give the default server as the hub knows it."""
        _, user = await self.place.hub.api(f"/users/{self.name}?include_stopped_servers")
        found: Json = user["servers"].get("", {})
        return found

    async def pods(self) -> list[Json]:
        """Give every pod of this person that is not on its way out."""
        found = [pod for pod in await self.all_pods() if "deletionTimestamp" not in pod["metadata"]]
        return [pod for pod in found if pod.get("status", {}).get("phase") not in ("Failed", "Succeeded")]

    async def all_pods(self) -> list[Json]:
        """Give every pod of this person, also those that end."""
        return await self._list("pods", "hub.jupyter.org/username")

    async def delete_pod(self) -> None:
        """Delete this person's only pod, past the hub."""
        (pod,) = await self.pods()
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        (await self.place.admin.delete(f"/api/v1/namespaces/{namespace}/pods/{name}")).ok()

    async def claims(self) -> list[Json]:
        """Give every claim of this person."""
        return await self._list("persistentvolumeclaims", "knada.nav.no/user")

    async def _list(self, plural: str, label: str) -> list[Json]:
        listed = (await self.place.admin.get(f"/api/v1/{plural}", labelSelector=f"{label}={self.name}")).ok()
        return [one for one in listed["items"] if one["metadata"]["namespace"].startswith(self.place.prefix)]

    async def ask(self) -> tuple[int, Any]:
        """Ask for the server; give status and answer."""
        body = {"team": self.team, "profile": "default"}
        return await self.place.hub.api(f"/users/{self.name}/server", method="POST", body=body)

    async def follow(self, heard: list[str] | None = None) -> Told:
        """Read the progress of a start to its end; what is heard is put there as it comes."""
        messages, last = [] if heard is None else heard, {}
        url = f"{self.place.hub.url}/hub/api/users/{self.name}/server/progress"
        headers = {"Authorization": f"token {API_TOKEN}"}
        async with self.place.hub.session.get(url, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            async for line in answer.content:
                if line.startswith(b"data:"):
                    last = json.loads(line[5:])
                    messages.append(last["message"])
        return Told(tuple(messages), bool(last.get("ready")))

    async def start(self) -> Told:
        """Start the server and wait for how it ends."""
        status, answer = await self.ask()
        # After a start that failed, JupyterHub 6.1 asks another object whether this one is pending.
        assert status in (201, 202), answer
        return await self.follow()

    async def ask_stop(self) -> int:
        """Ask for the end of the server; give the status."""
        return (await self.place.hub.api(f"/users/{self.name}/server", method="DELETE"))[0]

    async def rest(self) -> Json:
        """Wait until the hub does nothing about the server any more; give it."""

        async def rests() -> bool:
            return not (await self.server()).get("pending")

        await eventually(rests, seconds=_LATEST_SECONDS, every=_LOOK_SECONDS)
        return await self.server()

    async def stop(self) -> None:
        """Stop the server and wait until nothing of it is left."""
        assert await self.ask_stop() in (202, 204)
        await self.assert_gone()

    async def assert_gone(self) -> None:
        """Hold that the hub knows of no server, and that no pod and no process is left."""

        async def is_gone() -> bool:
            server = await self.server()
            is_idle = not server.get("pending") and not server.get("ready")
            return is_idle and not await self.all_pods() and not self.processes()

        try:
            await eventually(is_gone, seconds=_LATEST_SECONDS, every=_LOOK_SECONDS)
        except TimeoutError as late:
            raise AssertionError(await self._describe()) from late

    async def _describe(self) -> str:
        pods = [
            (pod["metadata"]["namespace"], pod["metadata"]["name"], pod.get("status", {}).get("phase"))
            for pod in await self.all_pods()
        ]
        server = {key: (await self.server()).get(key) for key in ("pending", "ready", "stopped")}
        return f"{self.name}: hub {server}, pods {pods}, processes {self.processes()}"

    async def _describe_cluster(self) -> str:
        """Give what the cluster says of this person's team: a start that failed has left nothing else."""
        path = f"/api/v1/namespaces/{self.place.namespace(self.team)}"
        told = [
            f"claim {claim['metadata']['name']}: {claim['spec']}, {claim['metadata'].get('annotations')}, "
            f"{claim['status']['phase']}"
            for claim in await self.claims()
        ]
        for event in (await self.place.admin.get(f"{path}/events")).ok()["items"]:
            what, when = event["involvedObject"], event.get("lastTimestamp") or event.get("eventTime")
            told.append(f"{when} {what['kind']} {what['name']}: {event['reason']}: {event['message']}")
        return "\n".join(told)

    def processes(self) -> list[int]:
        """Give the processes of this person's servers in this place."""
        mine = {
            f"TINY_GATE={self.place.gates}".encode(),
            f"JUPYTERHUB_USER={self.name}".encode(),
        }
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mine <= set((folder / "environ").read_bytes().split(b"\0")):
                    found.append(int(folder.name))
        return found

    async def read_home(self) -> list[str]:
        """Ask the running server what its home holds."""
        [pod] = await self.pods()
        url = f"http://{pod['status']['podIP']}:{_PORT}/"
        async with self.place.hub.session.get(url) as answer:
            starts: list[str] = (await answer.json())["starts"]
            return starts

    async def assert_consistent(self) -> bool:
        """Hold that hub and cluster agree; give whether a server runs.

        No server is lost: there is a pod where the hub knows a server, and none where it does not. None is
        doubled: there is never more than one, nor more than one claim for a home.
        """
        agreed = {"is_running": False}

        async def agrees() -> bool:
            server, pods = await self.rest(), await self.pods()
            agreed["is_running"] = bool(server.get("ready"))
            return len(pods) == int(agreed["is_running"])

        try:
            await eventually(agrees, seconds=_LATEST_SECONDS, every=_LOOK_SECONDS)
        except TimeoutError as late:
            raise AssertionError(await self._describe()) from late
        homes = [claim["metadata"]["namespace"] for claim in await self.claims()]
        assert len(homes) == len(set(homes)), f"two homes: {homes}"
        return agreed["is_running"]

    async def note_home(self) -> None:
        """Take down the home of the running server; hold that it is the one of before, and this person's."""
        starts = await self.read_home()
        namespace = self.place.namespace(self.team)
        [claim] = [one for one in await self.claims() if one["metadata"]["namespace"] == namespace]
        uid, before = self.homes.get(namespace, (claim["metadata"]["uid"], []))
        assert claim["metadata"]["uid"] == uid, "another claim"
        assert starts[: len(before)] == before, f"lost: {before} → {starts}"
        assert {line.split()[0] for line in starts} == {f"{self.team}/{self.name}"}, f"crossed: {starts}"
        self.homes[namespace] = (uid, starts)

    async def assert_whole(self, told: Iterable[Told] = ()) -> None:
        """Hold everything that has to be true after a fault; ends with nothing running.

        No server lost or doubled, no home lost or crossed, words only, a next start that works, and nothing
        left behind.
        """
        for one in told:
            one.assert_in_words()
        if await self.assert_consistent():
            await self.note_home()
            await self.stop()
        again = await self.start()
        assert again.is_ready, f"{again}\n{await self._describe_cluster()}"
        await self.assert_consistent()
        await self.note_home()
        await self.stop()
        await self.assert_consistent()


@contextlib.asynccontextmanager
async def fault_place(
    folder: Path, admin: KubernetesApi, upstream: Path, people: Iterable[str], patience: Patience
) -> AsyncIterator[Place]:
    """Make namespaces, and run a hub that reaches the cluster through a faulty proxy.

    Args:
        folder: For the hub's files; has to be there.
        admin: The cluster.
        upstream: The kubeconfig of the hub.
        people: Who is in all the teams.
        patience: How long the hub waits.
    """
    gates = folder / "gates"
    gates.mkdir()
    prefix = f"faults-{secrets.token_hex(3)}"
    for name in ("hub", *TEAMS):
        body = {"metadata": {"name": f"{prefix}-{name}", "labels": {"team-namespace": "true"}}}
        (await admin.post("/api/v1/namespaces", body)).ok()
        account = f"/api/v1/namespaces/{prefix}-{name}/serviceaccounts/default"
        await admin.until(account, lambda found: found is not None)
    quota = {"metadata": {"name": "storage"}, "spec": {"hard": {"requests.storage": "1Gi"}}}
    path = f"/api/v1/namespaces/{prefix}-full/resourcequotas"
    (await admin.post(path, quota)).ok()
    await admin.until(f"{path}/storage", lambda found: bool(found and found.get("status", {}).get("hard")))
    write_files(folder, **{team: _team_file(team, prefix, people) for team in TEAMS})
    config = _CONFIG.format(
        prefix=prefix,
        server=_SERVER,
        port=_PORT,
        gates=gates,
        patience=patience,
    )
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with FaultyApi(upstream) as api, aiohttp.ClientSession(connector=connector) as session:
        environment = {"KUBECONFIG": str(api.write_kubeconfig(folder / "hub.kubeconfig"))}
        process = HubProcess(folder, config, session, environment)
        try:
            await process.start()
            yield Place(process, api, admin, prefix, gates)
        finally:
            await process.end()
            for name in ("hub", *TEAMS):
                await admin.delete(f"/api/v1/namespaces/{prefix}-{name}")


def _team_file(team: str, prefix: str, people: Iterable[str]) -> str:
    selector = "nodeSelector: {pool: late}" if team == "late" else ""
    return f"""\
namespace: {prefix}-{team}
users: [{", ".join(people)}]
resources: {{memoryLimit: 32MB, cpuLimit: 0.02}}
env: {{TINY_TEAM: {team}}}
{selector}
"""
