"""Reads a page strictly: what is opened is closed in order, and what it would load is listed."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {
    "meta",
    "link",
    "br",
    "img",
    "input",
    "hr",
    "area",
    "base",
    "col",
    "embed",
    "source",
    "wbr",
}
_LOADING = ("src", "href", "action", "srcset", "data", "poster", "formaction")

Attributes = list[tuple[str, str | None]]


class Page(HTMLParser):
    """The elements of a page in order, its text, and every address in it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.addresses: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    @property
    def text(self) -> str:
        """The visible text, white space folded."""
        return " ".join(" ".join(self.texts).split())

    def ids(self) -> list[str]:
        return [values["id"] or "" for _, values in self.elements if "id" in values]

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [values for tag, values in self.elements if tag == name]

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>"
        self.elements.append((tag, dict(attrs)))
        self.addresses += [(tag, value or "") for name, value in attrs if name in _LOADING]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}> out of order"

    def handle_data(self, data: str) -> None:
        if not {"script", "style", "title"} & set(self._open):
            self.texts.append(data)
