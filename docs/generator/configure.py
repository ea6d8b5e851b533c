"""The page of `configure()` and its error, from their signature and docstrings."""

from __future__ import annotations

import inspect
import re
from inspect import cleandoc
from typing import TYPE_CHECKING, Final

from docs.generator.markdown import code, literal, page, section
from jupyterhub_knada.hub_config import HubSettingError, configure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEADING = re.compile(r"^(Args|Raises|Returns):$", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): ", re.MULTILINE)
_TITLES: Final = {"Args": "Arguments", "Raises": "Errors", "Returns": "Result"}


def render_configure() -> str:
    """Render the call as it is written, and what each argument means."""
    return page(
        "configure()",
        "The one call that wires the package into a hub's configuration; import it from `jupyterhub_knada`.",
        code(signature(configure), "python"),
        *_parts(configure.__doc__ or "", 2),
        section(2, literal(HubSettingError.__name__), *_parts(HubSettingError.__doc__ or "", 3)),
    )


def signature(of: Callable[..., object]) -> str:
    """Give a function's signature as it stands in the code, an argument a line."""
    shown = inspect.signature(of)
    lines = [_argument(parameter) for parameter in shown.parameters.values()]
    keywords = [p.kind is p.KEYWORD_ONLY for p in shown.parameters.values()]
    if any(keywords):
        lines.insert(keywords.index(True), "*")
    body = "".join(f"    {line},\n" for line in lines)
    return f"{of.__name__}(\n{body}) -> {shown.return_annotation}"


def _argument(parameter: inspect.Parameter) -> str:
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{parameter.name}: {parameter.annotation}{default}"


def _parts(docstring: str, level: int) -> Iterator[str]:
    """Give a docstring with Google's sections as Markdown: text, then a list for each section."""
    text, *sections = _HEADING.split(cleandoc(docstring))
    yield text
    for heading, body in zip(sections[::2], sections[1::2], strict=True):
        _, *entries = _ENTRY.split(body)
        pairs = zip(entries[::2], entries[1::2], strict=True)
        yield section(
            level,
            _TITLES[heading],
            "\n".join(f"- {literal(name)}: {' '.join(told.split())}" for name, told in pairs),
        )
