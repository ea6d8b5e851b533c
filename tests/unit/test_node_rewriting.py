"""Paths and addresses of a pod are made to fit the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyterhub_knada.devcluster.node.rewriting import Rewriting

REWRITING = Rewriting(
    {
        "/home/jovyan": Path("/root/volumes/ada"),
        "/home/jovyan/shared": Path("/root/volumes/team"),
        "/etc/config": Path("/root/pods/u/volumes/config"),
    },
    "127.1.2.3",
)


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        pytest.param("/home/jovyan", "/root/volumes/ada", id="the path itself"),
        pytest.param("/home/jovyan/work/a.txt", "/root/volumes/ada/work/a.txt", id="a path below"),
        pytest.param("/home/jovyan/shared/x", "/root/volumes/team/x", id="the longest mount wins"),
        pytest.param("--dir=/home/jovyan", "--dir=/root/volumes/ada", id="in an option"),
        pytest.param("/home/jovyan/bin:/usr/bin", "/root/volumes/ada/bin:/usr/bin", id="in a search path"),
        pytest.param("cat '/etc/config/a'", "cat '/root/pods/u/volumes/config/a'", id="quoted in a script"),
        pytest.param("file:///home/jovyan/x", "file:///root/volumes/ada/x", id="a file URL"),
        pytest.param("/home/jovyan2", "/home/jovyan2", id="another name that begins alike"),
        pytest.param("/mnt/home/jovyan", "/mnt/home/jovyan", id="inside another path"),
        pytest.param("http://hub/home/jovyan", "http://hub/home/jovyan", id="the path of a URL"),
        pytest.param("/home/jovyan-old", "/home/jovyan-old", id="a longer name"),
        pytest.param("http://0.0.0.0:8888/user/ada/", "http://127.1.2.3:8888/user/ada/", id="service URL"),
        pytest.param("http://[::]:8888/", "http://127.1.2.3:8888/", id="service URL of IPv6"),
        pytest.param("--ip=0.0.0.0", "--ip=127.1.2.3", id="an option's address"),
        pytest.param("--ip=::", "--ip=127.1.2.3", id="an option's IPv6 address"),
        pytest.param("::", "127.1.2.3", id="the whole word"),
        pytest.param("0.0.0.0/0", "0.0.0.0/0", id="a network stays"),
        pytest.param("10.0.0.0", "10.0.0.0", id="another address stays"),
        pytest.param("a::b", "a::b", id="colons in a name stay"),
        pytest.param("127.0.0.1", "127.0.0.1", id="loopback stays"),
    ],
)
def test_rewrite_of_text_changes_paths_and_wildcards_only(text: str, rewritten: str) -> None:
    """Mount paths become local folders, wildcard addresses the pod's own; everything else stays."""
    assert REWRITING.rewrite(text) == rewritten


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("/home/jovyan", Path("/root/volumes/ada")),
        ("/home/jovyan/a/b", Path("/root/volumes/ada/a/b")),
        ("/home/jovyan/shared/b", Path("/root/volumes/team/b")),
        ("/home", None),
        ("/opt", None),
    ],
)
def test_local_path_of_a_container_path_is_below_the_innermost_mount(path: str, local: Path | None) -> None:
    """A path where nothing is mounted has no local path."""
    assert REWRITING.find_local(path) == local


def test_rewrite_without_mounts_changes_addresses_only() -> None:
    """A container without volumes has an address all the same."""
    assert Rewriting({}, "127.1.0.9").rewrite("/x 0.0.0.0") == "/x 127.1.0.9"
