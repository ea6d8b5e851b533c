"""A page as a person without scripts and styles reads it, and sends its form."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = frozenset({"input", "br", "img", "hr", "meta", "link"})


class Page(HTMLParser):
    """A page as a browser without scripts and styles reads it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that is closed where it is opened."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Hold that elements are closed in the order that they were opened in."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note what is read, but for styles."""
        if "style" not in self.open and data.strip():
            self.texts.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        """What a person reads."""
        return " ".join(self.texts)

    def find(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """Give the attributes of all elements that have these."""
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in attributes.items())
        ]

    def sent(self) -> dict[str, list[str]]:
        """Give what the form sends if nothing is touched."""
        form: dict[str, list[str]] = {}
        select = ""
        for tag, attributes in self.elements:
            name, value = attributes.get("name") or "", attributes.get("value") or ""
            if tag == "select":
                select = name
            elif tag == "option" and "selected" in attributes:
                form[select] = [value]
            elif tag == "option":
                form.setdefault(select, [value])
            elif tag == "input" and (attributes["type"] != "radio" or "checked" in attributes):
                assert name not in form
                form[name] = [value]
        return form
