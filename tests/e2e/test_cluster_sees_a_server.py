"""A person's server is to the cluster what any pod is: bound, scheduled, counted, with logs and commands."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.kubernetes.programs import find
from tests.support.backends import EMBEDDED
from tests.support.people import shoot, sign_in, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.support.demo_process import DemoProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

Json = dict[str, Any]
KNADA = "/api/v1/namespaces/knada"
QUOTA = {
    "metadata": {"name": "one-server"},
    "spec": {"hard": {"pods": "1", "requests.memory": "100Gi", "persistentvolumeclaims": "20"}},
}
NEEDS_NEWER = (
    "error: this node speaks websockets only, and this API server speaks SPDY to it: "
    "exec needs Kubernetes 1.36 or newer\n"
)


@pytest.fixture(scope="module")
def server(demo: DemoProcess) -> Iterator[DemoProcess]:
    """A demo whose namespace has room for one server, which runs and is anna's."""
    read(demo, "/resourcequotas", "POST", QUOTA)
    # The API server counts from its own quota cache: before that it lets nobody in unseen.
    demo.wait_until(lambda: "used" in read(demo, "/resourcequotas/one-server").get("status", {}))
    demo.start_server(team="analyse", profile="small")
    yield demo
    read(demo, "/resourcequotas/one-server", "DELETE")
    demo.request("DELETE", "/hub/api/users/anna/server")
    demo.wait_until(lambda: not demo.server())


def read(demo: DemoProcess, path: str, method: str = "GET", body: Json | None = None) -> Json:
    """Ask for something in the servers' namespace; give the answer."""
    answer: Json = json.loads(demo.backend.ask(f"{KNADA}{path}", method, body))
    return answer


def kubectl(demo: DemoProcess, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the cluster's own kubectl as its admin."""
    program = find(demo.backend.name)["kubectl"]
    command = [program, "--kubeconfig", str(demo.backend.kubeconfig()), "--namespace", "knada", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def events_of(demo: DemoProcess, name: str) -> set[tuple[str, str]]:
    """Give who said what of an object: component and reason."""
    found = read(demo, f"/events?fieldSelector=involvedObject.name={name}")["items"]
    return {
        (event.get("reportingComponent") or event["source"]["component"], event["reason"]) for event in found
    }


def test_server_has_a_bound_claim_and_a_scheduled_pod(server: DemoProcess) -> None:
    """The home is a volume of the node's, and the scheduler, not the hub, chose the machine."""
    pod = read(server, "/pods/jupyter-anna")
    assert pod["spec"]["nodeName"] == "demo"
    conditions = {condition["type"]: condition["status"] for condition in pod["status"]["conditions"]}
    assert (conditions["PodScheduled"], conditions["Ready"]) == ("True", "True")
    homes = [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    ]
    assert homes == ["home-anna--analyse-4f1c"]
    claim = read(server, f"/persistentvolumeclaims/{homes[0]}")
    assert claim["status"]["phase"] == "Bound"
    volume = json.loads(server.backend.ask(f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}"))
    assert volume["status"]["phase"] == "Bound"
    assert volume["spec"]["claimRef"]["uid"] == claim["metadata"]["uid"]


def test_server_has_the_events_of_scheduler_and_kubelet(server: DemoProcess) -> None:
    """Whoever describes the pod reads what any cluster says."""
    expected = {
        ("default-scheduler", "Scheduled"),
        ("kubelet", "Pulled"),
        ("kubelet", "Created"),
        ("kubelet", "Started"),
    }
    server.wait_until(lambda: expected <= events_of(server, "jupyter-anna"), 30)


def test_server_is_counted_and_the_next_one_refused_in_words(page: Page, server: DemoProcess) -> None:
    """The quota holds one server; whoever is the next reads so, and no pod is left of the try."""
    pod = read(server, "/pods/jupyter-anna")
    memory = pod["spec"]["containers"][0]["resources"]["requests"]["memory"]

    def used() -> Json:
        found: Json = read(server, "/resourcequotas/one-server")["status"]["used"]
        return found

    server.wait_until(lambda: used()["pods"] == "1", 30)
    assert used()["requests.memory"] == memory
    sign_in(page, server, "kari")
    start(page, server, "Team Pensjon", "Standard")
    refused = re.compile(r"namespace knada: its quota is used up\. Stop another server")
    expect(page.get_by_text(refused).first).to_be_visible()
    shoot(page, server, "quota-refused")
    assert [found["metadata"]["name"] for found in read(server, "/pods")["items"]] == ["jupyter-anna"]
    assert used()["pods"] == "1"


def test_log_of_a_server_is_its_notebook_programs(server: DemoProcess) -> None:
    """`kubectl logs` gives what jupyterhub-singleuser wrote."""
    if server.backend.name == EMBEDDED:  # kubectl sends no token without TLS
        log = server.backend.ask(f"{KNADA}/pods/jupyter-anna/log")
    else:
        log = kubectl(server, "logs", "jupyter-anna").stdout
    assert re.search(r"Jupyter Server \S+ is running at:\n.*http://\S+/user/anna/lab", log)


def test_command_runs_beside_the_server(server: DemoProcess) -> None:
    """`kubectl exec` sees what the server sees, from Kubernetes 1.36 on; before, it says what is missing."""
    words = ["exec", "jupyter-anna", "--", "sh", "-c", "echo $JUPYTERHUB_USER in $PWD"]
    if server.backend.name == EMBEDDED:
        answer = read(server, "/pods/jupyter-anna/exec?command=true", "POST")
        assert (answer["code"], answer["message"]) == (
            501,
            "the embedded API (DEV/DEMO only) does not serve pods/exec",
        )
        return
    ran = kubectl(server, *words)
    if int(server.backend.ask_version().split(".")[1]) < 36:
        assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", NEEDS_NEWER)
        return
    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.fullmatch(r"anna in \S+home-anna--analyse-4f1c\S*\n", ran.stdout)
