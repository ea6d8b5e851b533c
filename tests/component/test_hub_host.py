"""Sign-in at the hub's own host: which handlers of an authenticator are kept there."""

from __future__ import annotations

import pytest
from traitlets.config import Config

from jupyterhub_knada.access.authenticators import (
    KnadaAuthenticator,
    KnadaAzureADAuthenticator,
    KnadaDemoAuthenticator,
    KnadaOIDCAuthenticator,
)
from jupyterhub_knada.access.hub_host import AtHubHost


@pytest.mark.parametrize(
    "authenticator", [KnadaAzureADAuthenticator, KnadaOIDCAuthenticator, KnadaDemoAuthenticator]
)
def test_every_handler_of_a_sign_in_is_kept_at_the_hub_host(authenticator: type[KnadaAuthenticator]) -> None:
    """Login, callback and whatever else the base class has; the hub's login also where that has none."""
    handlers = authenticator(config=Config()).get_handlers(None)
    assert "/login" in [pattern for pattern, *_ in handlers]
    assert [pattern for pattern, handler, *_ in handlers if not issubclass(handler, AtHubHost)] == []
