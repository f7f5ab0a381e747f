"""Tokens: how they are made, kept as digests, and found in a request's head."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from weighbridge.core.http import Headers

# Letters that nobody takes for another when reading a token aloud: 55 of them, 5.8 bits each.
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_SECRET_LETTERS = 32
_LABEL_LETTERS = 16
_BEARER = b"bearer "


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; its token is known only here.

    Attributes:
        token: what the client sends.
        prefix: the beginning of the token, by which people tell keys apart.
        hash: what the configuration keeps.
    """

    token: str
    prefix: str
    hash: str


def new_key(name: str) -> NewKey:
    """A token of 185 random bits that begins with a word from ``name``.

    A slow hash would add nothing: it protects passwords that can be guessed.
    """
    label = re.sub(r"[^a-z0-9]+", "", name.lower())[:_LABEL_LETTERS] or "key"
    secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LETTERS))
    token = f"wb-{label}-{secret}"
    return NewKey(token, f"wb-{label}-{secret[:4]}", f"sha256:{digest(token.encode()).hex()}")


def digest(token: bytes) -> bytes:
    """What is kept of a token, and what it is looked up by."""
    return hashlib.sha256(token).digest()


def presented(headers: Headers) -> bytes | None:
    """The token in a request's head: ``authorization: Bearer …``, else ``x-api-key``."""
    other = None
    for name, value in headers:
        if name == b"authorization":
            if value[:7].lower() == _BEARER:
                return value[7:].strip()
        elif name == b"x-api-key":
            other = value.strip()
    return other
