"""What names, labels and keys Kubernetes accepts, and its own sentences about those it does not.

Source: `k8s.io/apimachinery/pkg/util/validation` and `pkg/api/validate/content` of 1.36.
"""

from __future__ import annotations

import re
from typing import Final

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_SHOWN_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
LABEL_LENGTH: Final = 63
SUBDOMAIN_LENGTH: Final = 253
_PORT_NAME_LENGTH: Final = 15


def _length(limit: int, unit: str = "characters") -> str:
    return f"must be no more than {limit} {unit}"


def _regex(message: str, pattern: str, *examples: str) -> str:
    told = " or ".join(f"'{example}', " for example in examples) if examples else ""
    return f"{message} (e.g. {told}regex used for validation is '{pattern}')"


def dns_label_errors(text: str) -> list[str]:
    """Check an RFC 1123 label: names of namespaces, containers and volumes."""
    errors = [_length(LABEL_LENGTH)] if len(text.encode()) > LABEL_LENGTH else []
    if re.fullmatch(_LABEL, text):
        return errors
    if re.fullmatch(_SUBDOMAIN, text):
        return [*errors, "must not contain dots"]
    message = (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must"
        " start and end with an alphanumeric character"
    )
    return [*errors, _regex(message, _LABEL, "my-name", "123-abc")]


def dns_subdomain_errors(text: str) -> list[str]:
    """Check an RFC 1123 subdomain: names of most objects."""
    errors = [_length(SUBDOMAIN_LENGTH)] if len(text.encode()) > SUBDOMAIN_LENGTH else []
    if re.fullmatch(_SUBDOMAIN, text):
        return errors
    message = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
        " and must start and end with an alphanumeric character"
    )
    return [*errors, _regex(message, _SHOWN_SUBDOMAIN, "example.com")]


def path_segment_errors(text: str) -> list[str]:
    """Check a name that only has to fit into an address: roles and their bindings."""
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return [f"may not contain '{sign}'" for sign in ("/", "%") if sign in text]


def label_key_errors(text: str) -> list[str]:
    """Check a qualified name: the key of a label, annotation or finalizer."""
    prefix, slash, name = text.rpartition("/")
    errors: list[str] = []
    if text.count("/") > 1:
        message = (
            "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and"
            " end with an alphanumeric character"
        )
        told = _regex(message, _QUALIFIED, "MyName", "my.name", "123-abc")
        return [told + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    if slash and not prefix:
        errors.append("prefix part must be non-empty")
    elif slash:
        errors += [f"prefix part {error}" for error in dns_subdomain_errors(prefix)]
    if not name:
        errors.append("name part must be non-empty")
    elif len(name.encode()) > LABEL_LENGTH:
        errors.append(f"name part {_length(LABEL_LENGTH, 'bytes')}")
    if not re.fullmatch(_QUALIFIED, name):
        message = (
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end"
            " with an alphanumeric character"
        )
        errors.append(_regex(message, _QUALIFIED, "MyName", "my.name", "123-abc"))
    return errors


def label_value_errors(text: str) -> list[str]:
    """Check a label's value; empty is fine."""
    errors = [_length(LABEL_LENGTH, "bytes")] if len(text.encode()) > LABEL_LENGTH else []
    pattern = f"({_QUALIFIED})?"
    if re.fullmatch(pattern, text):
        return errors
    message = (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and"
        " must start and end with an alphanumeric character"
    )
    return [
        *errors,
        _regex(message, "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", "MyValue", "my_value", "12345"),
    ]


def env_name_errors(text: str) -> list[str]:
    """Check an environment variable's name by the relaxed rule of 1.34 and later."""
    if not text:
        return ["environment variable name must be non-empty"]
    if re.fullmatch(r"[ -<>-~]+", text):
        return []
    return [
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
    ]


def data_key_errors(text: str) -> list[str]:
    """Check a key of a Secret's or ConfigMap's data."""
    errors = [_length(SUBDOMAIN_LENGTH)] if len(text.encode()) > SUBDOMAIN_LENGTH else []
    pattern = r"[-._a-zA-Z0-9]+"
    if not re.fullmatch(pattern, text):
        message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
        return [*errors, _regex(message, pattern, "key.name", "KEY_NAME", "key-name")]
    if text in (".", ".."):
        errors.append(f"must not be '{text}'")
    elif text.startswith(".."):
        errors.append("must not start with '..'")
    return errors


def port_errors(number: int) -> list[str]:
    """Check a port's number."""
    return [] if 0 < number < 2**16 else ["must be between 1 and 65535, inclusive"]


def port_name_errors(text: str) -> list[str]:
    """Check a port's name (IANA_SVC_NAME)."""
    errors = []
    if len(text) > _PORT_NAME_LENGTH:
        errors.append(_length(_PORT_NAME_LENGTH))
    if not re.fullmatch("[-a-z0-9]+", text):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        errors.append("must contain at least one letter (a-z)")
    if "--" in text:
        errors.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        errors.append("must not begin or end with a hyphen")
    return errors
