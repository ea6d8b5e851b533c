"""A container has a Python environment of its own above the image: pip, the home, and Jupyter in it."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jupyterhub
import pytest
from aiohttp import web

from tests.support.local_cluster import LocalCluster, in_phase, is_ready, local_cluster, read_http, state_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOME = [{"name": "home", "mountPath": "/home/jovyan"}]
HOME_VOLUME = [{"name": "home", "persistentVolumeClaim": {"claimName": "claim-ada"}}]


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[LocalCluster]:
    """Give the embedded API with a node, and a claim."""
    async with local_cluster(tmp_path) as cluster, cluster.node():
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        await cluster.create("persistentvolumeclaims", {"metadata": {"name": "claim-ada"}, "spec": claim})
        yield cluster


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Make a folder of wheels: `smaating` with a script, and another `idna` than the image's."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    build_wheel(folder, "smaating", "1.0", "def main():\n    print('smaating runs')\n", script=True)
    build_wheel(folder, "idna", "99.0", "__version__ = '99.0'\n")
    return folder


def build_wheel(folder: Path, name: str, version: str, code: str, *, script: bool = False) -> None:
    """Write a wheel of one module."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{name} = {name}:main\n"
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def run(cluster: LocalCluster, name: str, code: str, **spec: Any) -> str:
    """Run a script as a pod of its own; give what it wrote to its termination log.

    Raises:
        AssertionError: it failed.
    """
    code = f"set -e; exec > /dev/termination-log 2>&1; {code}"
    container = {"command": ["bash", "-c", code], "volumeMounts": HOME}
    await cluster.start_pod(name, container, restartPolicy="Never", volumes=HOME_VOLUME, **spec)
    pod = await cluster.wait_for(name, in_phase("Succeeded", "Failed"))
    message = str(state_of(pod)["terminated"].get("message", ""))
    assert pod["status"]["phase"] == "Succeeded", message
    await cluster.delete_pod(name)
    await cluster.wait_gone(name)
    return message


PIP = "pip install -q --disable-pip-version-check --no-index --find-links"


async def test_plain_install_works_and_is_gone_with_the_pod(cluster: LocalCluster, wheels: Path) -> None:
    """It lands in the container's own layer; neither the image nor the home has it afterwards."""
    told = await run(cluster, "ada", f"{PIP} {wheels} smaating; smaating; python -c 'import smaating'")
    assert "smaating runs" in told
    gone = await run(
        cluster, "ada", "python -c 'import smaating' 2>&1 || echo gone; which smaating || echo no script"
    )
    assert "ModuleNotFoundError" in gone
    assert gone.endswith("gone\nno script\n")


async def test_install_into_the_home_survives_the_pod(cluster: LocalCluster, wheels: Path) -> None:
    """`pip install --user` goes to the claim: importable by the next pod, and its script still runs."""
    await run(cluster, "ada", f"{PIP} {wheels} --user smaating; ls ~/.local/bin/smaating")
    told = await run(
        cluster, "ada", "python -c 'import smaating; print(smaating.__file__)'; ~/.local/bin/smaating"
    )
    assert "/.local/lib/python" in told
    assert told.endswith("smaating runs\n")


async def test_package_of_the_user_wins_over_the_image(cluster: LocalCluster, wheels: Path) -> None:
    """As in a real pod: the home's version is imported; the image is untouched."""
    show = "python -c 'import idna; print(idna.__version__)'"
    before = await run(cluster, "ada", show)
    await run(cluster, "ada", f"{PIP} {wheels} --user idna==99.0")
    assert await run(cluster, "ada", show) == "99.0\n"
    assert (await run(cluster, "ada", f"rm -r ~/.local; {show}")) == before


async def test_upgrade_of_an_images_package_stays_in_the_container(
    cluster: LocalCluster, wheels: Path
) -> None:
    """The new version replaces what the image has for this container only."""
    show = "python -c 'import idna; print(idna.__version__)'"
    before = await run(cluster, "ada", show)
    assert (await run(cluster, "ada", f"{PIP} {wheels} idna==99.0; {show}")).endswith("99.0\n")
    assert await run(cluster, "ada", show) == before


async def test_terminal_of_jupyter_has_the_containers_pip(cluster: LocalCluster) -> None:
    """JupyterLab opens login shells, and the machine's profile must not lead them to the machine's Python."""
    told = await run(
        cluster, "ada", "$SHELL -l -c 'command -v pip; command -v python; echo $0 $1' here 'a b'"
    )
    layer = cluster.root / "python" / "default" / "ada" / "notebook" / "bin"
    assert told == f"{layer}/pip\n{layer}/python\nhere a b\n"


async def test_kernel_of_jupyter_installs_and_imports(cluster: LocalCluster, wheels: Path) -> None:
    """What a person does in a cell, with the kernel that Jupyter finds: pip, then import."""
    code = f"""
import queue, sys
from jupyter_client.manager import KernelManager
show = lambda message: print(message["content"].get("text", message["content"].get("evalue", "")))
manager = KernelManager(kernel_name="python3")
manager.start_kernel()
client = manager.blocking_client()
client.start_channels()
client.wait_for_ready(timeout=60)
for cell in ("%pip install -q --no-index --find-links {wheels} smaating", "import smaating; smaating.main()",
             "import sys; print(sys.prefix)"):
    client.execute_interactive(cell, timeout=60, output_hook=show)
client.stop_channels()
manager.shutdown_kernel(now=True)
"""
    told = await run(cluster, "ada", f"python - <<'EOF'\n{code}\nEOF")
    assert "smaating runs" in told
    assert str(cluster.root / "python" / "default" / "ada" / "notebook") in told


async def test_jupyter_finds_the_images_extensions_and_writes_into_the_layer(cluster: LocalCluster) -> None:
    """Kernel specs, configuration and JupyterLab are the image's, under a prefix that can be written."""
    told = await run(
        cluster,
        "ada",
        "jupyter kernelspec list --json; jupyter lab path; "
        "touch $(dirname $(dirname $(which python)))/share/jupyter/labextensions/mine",
    )
    specs = json.loads(told[: told.index("\n}") + 2])
    assert "python3" in specs["kernelspecs"]
    assert "/containers/notebook/layer/share/jupyter/lab\n" in told


@pytest.fixture
async def hub() -> AsyncIterator[int]:
    """Give the port of a hub that knows its version, which a notebook server asks for before it listens."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"version": jupyterhub.__version__})

    app = web.Application()
    app.router.add_route("*", "/hub/api{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_notebook_server_listens_on_the_pods_address_only(cluster: LocalCluster, hub: int) -> None:
    """jupyterhub-singleuser, as KubeSpawner starts it, serves its URL there, and its home is the claim."""
    env = {
        "JUPYTERHUB_API_TOKEN": "not-a-real-token",
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ada",
        "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub}/hub/api",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": "/user/ada/oauth_callback",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/",
        "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/ada/",
        "JUPYTERHUB_USER": "ada",
        "JUPYTERHUB_SERVER_NAME": "",
    }
    container = {
        "command": ["jupyterhub-singleuser", "--allow-root"],
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "volumeMounts": HOME,
        "readinessProbe": {"tcpSocket": {"port": 8888}, "periodSeconds": 1},
    }
    await cluster.start_pod("ada", container, volumes=HOME_VOLUME)
    pod = await cluster.wait_for("ada", is_ready)
    address = pod["status"]["podIP"]
    assert "200 OK" in await read_http(address, 8888, "/user/ada/api")
    with pytest.raises(OSError, match="8888"):
        await read_http("127.0.0.1", 8888)


async def test_other_interpreter_stands_for_the_image(tmp_path: Path) -> None:
    """`--image-python` decides whose packages a container has; the node's own are not among them."""
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        pytest.fail("this test needs a python3 in /usr/bin, as every Linux distribution has")
    async with local_cluster(tmp_path) as cluster, cluster.node(image_python=Path(python)):
        container = {
            "command": ["sh", "-c", "python -c 'import jupyterhub' 2> /dev/termination-log; test $? -ne 0"]
        }
        await cluster.start_pod("bare", container, restartPolicy="Never")
        pod = await cluster.wait_for("bare", in_phase("Succeeded", "Failed"))
    assert "No module named 'jupyterhub'" in state_of(pod)["terminated"]["message"]
