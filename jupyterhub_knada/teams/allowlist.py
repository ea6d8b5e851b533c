"""The grammar of an allowlist entry: `host`, `host:port` or `host:first-last`.

What the egress webhook refuses, drops or silently reads as something else is refused here, with the
right spelling where there is one.

Source: the webhook of the KNADA platform (github.com/navikt/knep): it splits the pod's `allowlist`
annotation at commas, removes spaces, schemes and paths, lower-cases names, drops hosts that are no host
names, takes 443 where no port is given, and denies the pod where a port cannot be read.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import NamedTuple

from jupyterhub_knada.errors import Code
from jupyterhub_knada.teams.faults import Fault
from jupyterhub_knada.teams.quoting import got

DEFAULT_PORT = 443
ENTRY_PATTERN = r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:[0-9]{1,5}(-[0-9]{1,5})?)?$"
"""What an entry looks like, as a regular expression for JSON Schema; looser than `parse_entry`."""

_HIGHEST_PORT = 65535
_LONGEST_HOST = 253
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_DOTTED_NUMBERS = re.compile(r"[0-9.]+")
# Four numbers with points between them anywhere in a name: the webhook takes the name for an address.
_LOOKS_LIKE_ADDRESS = re.compile(r"(?:^|\.)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:\.|$)")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_HOSTS_OF_THE_CLUSTER = frozenset(
    {
        "cluster.local",
        "hub",
        "instance-data",
        "instance-data.ec2.internal",
        "kubernetes",
        "kubernetes.default",
        "localhost",
        "localhost.localdomain",
        "metadata",
        "metadata.goog",
        "metadata.google.internal",
        "proxy-api",
        "proxy-http",
        "proxy-public",
    }
)
"""The metadata servers of clouds and the services of Kubernetes and zero-to-jupyterhub.

Not every name without a point: the webhook's tables of on-premises hosts may hold such names.
"""
# Not `.local` as a whole: domains of on-premises directories end in it.
_DOMAINS_OF_THE_CLUSTER = (".cluster.local", ".localhost", ".svc")
_RULE = "'host', 'host:port' or 'host:first-last'; without a port 443 is meant"


class AllowlistEntry(NamedTuple):
    """One place that servers may reach."""

    host: str
    """A lower-case host name or an IPv4 address."""
    first_port: int
    last_port: int


class AllowlistError(ValueError):
    """Raised for text that is no allowlist entry."""

    def __init__(self, message: str, remedy: str, rule: str = _RULE) -> None:
        self.fault = Fault(Code.BAD_ALLOWLIST_ENTRY, message, rule, remedy)
        super().__init__(f"{message}; {rule}; {remedy}")


def parse_entry(text: str) -> AllowlistEntry:
    """Read one entry.

    Raises:
        AllowlistError: the webhook would refuse it, drop it, or read something else; or it is a place that
            no team may open, such as the cloud's metadata server. Where a name leads is not looked up.
    """
    _refuse_what_is_stripped(text)
    host, colon, ports = text.partition(":")
    _check_host(text, host)
    first, last = _parse_ports(text, ports) if colon else (DEFAULT_PORT, DEFAULT_PORT)
    return AllowlistEntry(host, first, last)


def _refuse_what_is_stripped(text: str) -> None:
    if "," in text:
        raise AllowlistError(f"several entries in one {got(text)}", "write each on a line of its own")
    clean = "".join(text.split())
    clean = clean.split("://", 1)[-1].lower()
    host, slash, path = clean.partition("/")
    if slash and path.isdigit():
        raise AllowlistError(
            f"a range of addresses {got(text)}",
            "list the addresses one by one",
            "the egress rules accept no ranges",
        )
    if "*" in text:
        rule = "the egress rules accept no wildcards and would drop it silently"
        raise AllowlistError(f"a wildcard {got(text)}", "list the host names one by one", rule)
    if text.count(":") > 1 and "://" not in text:
        raise AllowlistError(
            f"not one host and one port {got(text)}", "write the host's name or IPv4 address"
        )
    if host != text:
        meant = f"write {host!r}" if host else "remove it"
        raise AllowlistError(f"more than a lower-case host and a port {got(text)}", meant)


def _check_host(text: str, host: str) -> None:
    if _DOTTED_NUMBERS.fullmatch(host):
        try:
            IPv4Address(host)
        except AddressValueError:
            raise AllowlistError(
                f"not an IPv4 address {got(text)}", "write four numbers from 0 to 255"
            ) from None
        _refuse_infrastructure(text, is_it=not _is_elsewhere(IPv4Address(host)))
        return
    labels = host.split(".")
    rule = "each part of a host name has letters, digits, - and _, and begins and ends with a letter or digit"
    if len(host) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise AllowlistError(
            f"not a host name {got(text)}",
            "write the name as it is known in DNS",
            f"{rule}; others are dropped silently",
        )
    _refuse_infrastructure(
        text, is_it=host in _HOSTS_OF_THE_CLUSTER or host.endswith(_DOMAINS_OF_THE_CLUSTER)
    )
    if _LOOKS_LIKE_ADDRESS.search(host) or labels[-1].isdigit():
        raise AllowlistError(
            f"a host name that reads like an address {got(text)}",
            "write the address itself",
            "the egress rules mix them up",
        )


def _is_elsewhere(address: IPv4Address) -> bool:
    """Tell whether an address may be another machine's: private ones are, metadata servers are link-local."""
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address in _THIS_NETWORK
    )


def _refuse_infrastructure(text: str, *, is_it: bool) -> None:
    if is_it:
        raise AllowlistError(
            f"no place outside the cluster {got(text)}",
            "remove it; ask the platform's admins for a network policy if servers need it",
            "an allowlist opens no loopback, metadata server, hub or service of Kubernetes",
        )


def _parse_ports(text: str, ports: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", ports)
    first = int(match[1]) if match else 0
    last = int(match[2] or match[1]) if match else 0
    if not 0 < first <= last <= _HIGHEST_PORT:
        raise AllowlistError(
            f"not a port {got(text)}",
            "write for example ':5432' or ':8000-8100'",
            "a port is a number from 1 to 65535",
        )
    return first, last
