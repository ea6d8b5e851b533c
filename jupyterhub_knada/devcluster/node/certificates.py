"""The certificate of the kubelet's port."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jupyterhub_knada.devcluster.node.context import HOST_IP

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_knada.devcluster.node.options import NodeOptions

_VALID = timedelta(days=365)


def ensure_certificate(options: NodeOptions) -> tuple[Path, Path]:
    """Give certificate and key: the ones the node was told, or a fresh self-signed one in its root folder.

    A kubelet signs its own, too, unless the cluster gives it one; an API server with
    `--kubelet-certificate-authority` wants one that its authority signed.
    """
    if options.tls_cert_file and options.tls_private_key_file:
        return options.tls_cert_file, options.tls_private_key_file
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, options.name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST_IP))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = options.root / "kubelet.crt", options.root / "kubelet.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file
