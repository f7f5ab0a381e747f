"""A model behind an OpenAI-compatible address: all that measuring needs to know of an engine."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.http import Url, parse_url


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one address.

    Attributes:
        base: address up to and including ``/v1``.
        model: the model's name there.
        key: bearer token, if the server wants one; never written to a record or shown.
    """

    base: Url
    model: str
    key: str | None = None

    @property
    def chat(self) -> Url:
        """Address of chat completions."""
        return self.base.join("chat/completions")

    @property
    def models(self) -> Url:
        """Address of the model list."""
        return self.base.join("models")

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Headers that every JSON request to this endpoint carries."""
        fixed = ((b"content-type", b"application/json"),)
        if self.key is None:
            return fixed
        return (*fixed, (b"authorization", b"Bearer " + self.key.encode("latin-1", "replace")))


def endpoint_at(url: str, model: str, key: str | None = None) -> Endpoint:
    """The endpoint at ``url``, with or without ``/v1`` at its end.

    Raises:
        InputError: the address is none.
    """
    base = parse_url(url)
    if not base.path.rstrip("/").endswith("/v1"):
        base = base.join("v1")
    return Endpoint(base, model, key)
