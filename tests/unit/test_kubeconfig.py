"""Kubeconfigs as the tests read them: kind's, kubeadm's and a token's; another way to sign in is refused."""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.kubernetes.certificates import Authority
from tests.kubernetes.refusals import NoClusterError
from tests.support.kubernetes_api import Kubeconfig

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]


def _write(folder: Path, user: Json, **more: Any) -> Path:
    """Write a kubeconfig with two contexts, the second of them current."""
    other = {"cluster": {"server": "https://127.0.0.1:1"}, "user": {"token": "other"}}
    config = {
        "current-context": "kind-mine",
        "contexts": [
            {"name": "other", "context": {"cluster": "other", "user": "other"}},
            {"name": "kind-mine", "context": {"cluster": "kind-mine", "user": "kind-mine"}},
        ],
        "clusters": [
            {"name": "other", "cluster": other["cluster"]},
            {"name": "kind-mine", "cluster": {"server": "https://127.0.0.1:34567"} | more},
        ],
        "users": [{"name": "other", "user": other["user"]}, {"name": "kind-mine", "user": user}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@pytest.mark.parametrize(
    "is_inside", [True, False], ids=["in the file, as kind writes it", "in files beside"]
)
def test_kubeconfig_with_a_client_certificate_shows_it(tmp_path: Path, *, is_inside: bool) -> None:
    """The connection trusts the cluster's authority and has the admin's certificate."""
    (tmp_path / "keys").mkdir()
    authority = Authority(tmp_path / "keys")
    certificate, key = authority.issue("admin")
    if is_inside:
        user = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
        path = _write(tmp_path, user, **{"certificate-authority-data": _base64(authority.certificate)})
    else:
        user = {"client-certificate": f"keys/{certificate.name}", "client-key": f"keys/{key.name}"}
        path = _write(tmp_path, user, **{"certificate-authority": str(authority.certificate)})
    config = Kubeconfig.load(path)
    assert (config.context, config.server, config.token) == ("kind-mine", "https://127.0.0.1:34567", None)
    context = config.tls()
    assert isinstance(context, ssl.SSLContext)
    assert [found["subject"] for found in context.get_ca_certs()]
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_kubeconfig_with_a_wrong_certificate_is_not_taken(tmp_path: Path) -> None:
    """A certificate and a key that do not belong together are not quietly left out."""
    (tmp_path / "keys").mkdir()
    authority = Authority(tmp_path / "keys")
    certificate, _ = authority.issue("admin")
    _, key = authority.issue("somebody")
    user = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
    path = _write(tmp_path, user, **{"certificate-authority-data": _base64(authority.certificate)})
    with pytest.raises(NoClusterError, match=r"client-certificate or client-key of no use: .*mismatch"):
        Kubeconfig.load(path).tls()


@pytest.mark.parametrize(
    ("user", "cluster", "sentence"),
    [
        pytest.param(
            {"token": "t"},
            {"certificate-authority": "gone.crt"},
            "certificate-authority of no use: No such file or directory",
            id="an authority that is gone",
        ),
        pytest.param(
            {"client-certificate": "gone.crt", "client-key": "gone.key"},
            {},
            "client-certificate or client-key of no use: No such file or directory",
            id="a certificate that is gone",
        ),
        pytest.param(
            {"token": "t"},
            {"certificate-authority-data": "A"},
            "certificate-authority of no use: ",
            id="an authority that is no base64",
        ),
        pytest.param(
            {"tokenFile": "gone"}, {}, "token of no use: No such file or directory", id="a token that is gone"
        ),
    ],
)
def test_kubeconfig_of_unusable_files_is_told_in_one_line(
    tmp_path: Path, user: Json, cluster: Json, sentence: str
) -> None:
    """Which of its entries it is, and why: not the stack of a library."""
    config = Kubeconfig.load(_write(tmp_path, user, **cluster))
    with pytest.raises(
        NoClusterError, match=rf"^The kubeconfig .*config, context kind-mine, has a {sentence}"
    ):
        _ = config.tls(), config.token


def test_kubeconfig_token_in_a_file_is_read_when_it_is_needed(tmp_path: Path) -> None:
    """A token's file is beside the kubeconfig, and what is in it may change."""
    (tmp_path / "token").write_text("first\n", encoding="utf-8")
    config = Kubeconfig.load(_write(tmp_path, {"tokenFile": "token"}))
    assert config.token == "first"
    (tmp_path / "token").write_text("second", encoding="utf-8")
    assert config.token == "second"


@pytest.mark.parametrize(
    ("user", "cluster", "key"),
    [
        pytest.param({"exec": {"command": "gke-gcloud-auth-plugin"}}, {}, "exec", id="a plugin"),
        pytest.param({"auth-provider": {"name": "oidc"}}, {}, "auth-provider", id="a provider"),
        pytest.param(
            {"token": "t"}, {"insecure-skip-tls-verify": True}, "insecure-skip-tls-verify", id="no TLS"
        ),
        pytest.param({"token": "t"}, {"proxy-url": "http://p"}, "proxy-url", id="a proxy"),
    ],
)
def test_kubeconfig_of_another_way_is_refused(tmp_path: Path, user: Json, cluster: Json, key: str) -> None:
    """What is not read is refused by name, not left out."""
    with pytest.raises(NoClusterError, match=rf"context kind-mine, has {key}, which the tests do not read"):
        Kubeconfig.load(_write(tmp_path, user, **cluster))


_WITHOUT_SERVER = """
current-context: x
contexts: [{name: x, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: %s}]
users: [{name: u, user: }]
"""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("a: [", "cannot be read", id="no YAML"),
        pytest.param(b"\xff\xfe\x00\x80", "cannot be read", id="no text"),
        pytest.param("", "has no current context", id="empty"),
        pytest.param(_WITHOUT_SERVER % "{}", ", context x, has no `server`", id="no server"),
        pytest.param(_WITHOUT_SERVER % "", ", context x, has no `server`", id="an empty cluster"),
        pytest.param("{current-context: x, contexts: []}", "has no current context", id="no such context"),
        pytest.param(None, "cannot be read", id="no file"),
    ],
)
def test_kubeconfig_that_is_none_is_refused(tmp_path: Path, text: str | bytes | None, sentence: str) -> None:
    """A file that says nothing of a cluster is told by its name."""
    path = tmp_path / "config"
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(NoClusterError, match=rf"The kubeconfig {path} ?{sentence}\."):
        Kubeconfig.load(path)
