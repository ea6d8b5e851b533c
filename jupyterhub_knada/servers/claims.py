"""Reading the claims of a namespace, as far as a home is decided by them."""

from __future__ import annotations

import asyncio
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kubernetes_asyncio.client.rest import ApiException

from jupyterhub_knada.errors import KnadaError
from jupyterhub_knada.servers.homes import TEAM_KEY, USER_KEY, Claim, home_labels
from jupyterhub_knada.servers.patience import UNANSWERED, ask_patiently, name_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jupyterhub_knada.servers.homes import HomePlan


class ClaimsUnreadableError(KnadaError):
    """Raised where the cluster does not say which claims there are; no home is decided on then."""

    def __init__(self, namespace: str, cause: BaseException) -> None:
        super().__init__(f"the claims in namespace {namespace} cannot be read: {name_error(cause)}")
        told = f"The hub cannot search namespace {namespace} for your home, so that nothing was started. "
        if isinstance(cause, ApiException) and cause.status == HTTPStatus.FORBIDDEN:
            told += "The hub has no right to read it: the namespace is not prepared. "
            told += "Report this to whoever runs this hub."
        else:
            told += "Try again in a minute. If it stays so, report it to whoever runs this hub."
        self.jupyterhub_message = told


async def find_claims(
    api: Any,
    home: HomePlan,
    names: Iterable[str],
    timeout_seconds: float,
    tell: Callable[[BaseException], None],
) -> list[Claim]:
    """Find every claim that may be this home: by its labels, and by these names.

    Calls: one list of claims for each id the team has or had, one read for each name that the lists lack.

    Args:
        api: `CoreV1Api` of kubernetes_asyncio.
        home: Whose home where.
        names: Names to look up beside `home.names`.
        timeout_seconds: Of all calls together; one that is not answered is made again until then.
        tell: Called with what was not answered, for a log.

    Raises:
        ClaimsUnreadableError: a call failed or took too long. "Not found" is an answer, anything else is not.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            found = await ask_patiently(partial(_list_labelled, api, home), timeout_seconds, tell)
            for name in dict.fromkeys((*home.names, *names)):
                if name not in found:
                    read = partial(_read, api, home.namespace, name)
                    claim = await ask_patiently(read, timeout_seconds, tell)
                    if claim is not None:
                        found[name] = claim
    except UNANSWERED as error:
        raise ClaimsUnreadableError(home.namespace, error) from error
    return list(found.values())


async def read_claim(api: Any, namespace: str, name: str, timeout_seconds: float) -> Claim | None:
    """Read one claim; None if there is none.

    Raises:
        ClaimsUnreadableError: the call failed or took too long.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _read(api, namespace, name)
    except UNANSWERED as error:
        raise ClaimsUnreadableError(namespace, error) from error


async def _list_labelled(api: Any, home: HomePlan) -> dict[str, Claim]:
    found: dict[str, Claim] = {}
    for team_id in home.team_ids:
        labels = home_labels(home.user, team_id)
        selector = ",".join(f"{key}={labels[key]}" for key in (TEAM_KEY, USER_KEY))
        listed = await api.list_namespaced_persistent_volume_claim(home.namespace, label_selector=selector)
        found |= {item.metadata.name: _claim(item) for item in listed.items}
    return found


async def _read(api: Any, namespace: str, name: str) -> Claim | None:
    try:
        return _claim(await api.read_namespaced_persistent_volume_claim(name=name, namespace=namespace))
    except ApiException as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise


def _claim(found: Any) -> Claim:
    metadata = found.metadata
    created = metadata.creation_timestamp
    return Claim(
        namespace=metadata.namespace,
        name=metadata.name,
        labels=dict(metadata.labels or {}),
        annotations=dict(metadata.annotations or {}),
        created=created.isoformat() if created is not None else "",
        is_deleting=metadata.deletion_timestamp is not None,
    )
