"""The few pieces of MyST Markdown that the generated pages are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def page(title: str, *parts: str) -> str:
    """Give a whole page: title and parts with an empty line between them."""
    return "\n\n".join([f"# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def section(level: int, heading: str, *parts: str) -> str:
    """Give a section whose heading has `level` hashes."""
    return "\n\n".join([f"{'#' * level} {heading}", *(part.strip("\n") for part in parts if part)])


def anchor(name: str) -> str:
    """Give an explicit target, for headings whose own anchor would not be unique on the page."""
    return f"({name})="


def fields(pairs: Iterable[tuple[str, str]]) -> str:
    """Give facts on one line, `*name*: value` each; pairs without a value are left out."""
    return " · ".join(f"*{name}*: {value}" for name, value in pairs if value)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a pipe table; cells may hold inline Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: str, language: str = "") -> str:
    """Give a fenced block."""
    return f"```{language}\n{text.rstrip()}\n```"


def literal(value: object) -> str:
    """Give inline code for one value as it is written in YAML or Python."""
    return f"`{value}`"
