"""How large a form the hub reads: the start page has fields for each profile that somebody is offered."""

from __future__ import annotations

from typing import Final

from tornado.httputil import ParseBodyConfig, ParseMultipartConfig, set_parse_body_config

MOST_FIELDS: Final = 2_000
"""Of one form. Reading as many takes about 25 ms of the event loop; somebody in 50 teams sends hundreds."""
MOST_BYTES: Final = 512 * 1024
"""Of one form: a field has some 200 bytes as a browser sends it, and JupyterHub stores a few of them."""


def accept_forms_of_the_start_page() -> None:
    """Have the hub's process read forms with `MOST_FIELDS` fields.

    A form without a script sends every field, of the teams and profiles that were not chosen, too, and
    JupyterHub's page sends it as multipart/form-data, of which Tornado takes 100 parts.

    Source: Tornado 6.5.5-6.6 httputil.py `set_parse_body_config`, global until it has another setting.
    """
    set_parse_body_config(ParseBodyConfig(multipart=ParseMultipartConfig(max_parts=MOST_FIELDS)))
