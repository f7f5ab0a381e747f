"""Elements of drawings as markup."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup, escape


def tag(name: str, attributes: Mapping[str, object], *content: str) -> Markup:
    """An element; names come from our own modules only, values and content are escaped."""
    written = Markup("").join(
        Markup(' {}="{}"').format(key, value) for key, value in attributes.items()
    )
    if not content:
        return Markup("<{0}{1}/>").format(Markup(name), written)  # noqa: S704
    inner = Markup("").join(escape(item) for item in content)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inner)  # noqa: S704
