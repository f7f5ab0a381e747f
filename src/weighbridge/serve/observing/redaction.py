"""Taking secrets and personal data out of text and JSON before it is kept. Pure.

The built-in expressions look at each character a bounded number of times. An expression of the
user's own may be as slow as it likes: who calls this with one has to bound its time from outside
(:mod:`weighbridge.serve.observing.capture_writer` does).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import Redaction

KEY, EMAIL = "[key]", "[e-mail]"

# How tokens of common services begin, and how many characters at least follow.
_PREFIXES = (
    r"wb-|sk-|rk-|pk-|gsk_|xai-|nvapi-|pplx-|fw_|r8_|tgp_v1_|hf_|key-|csk-|jina_|voyage-|"
    r"gh[opusr]_|github_pat_|glpat-|npm_|pypi-|dop_v1_|shpat_|xox[abeoprs]-|SG\.|"
    r"[sprk]k_(?:live|test)_|whsec_|lin_api_|ntn_|dckr_pat_"
)
_BODY = r"[A-Za-z0-9_.~-]"
_KEYS = re.compile(
    # PEM blocks, also with their line ends written as \n inside of JSON, also cut off.
    r"-----BEGIN[A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END[A-Z ]{0,40}PRIVATE KEY-----|\Z)"
    # Digits, or many letters in a row, tell a token from hyphenated words such as key-value-store.
    # With a digit it may also stand within a word: as in \nsk-…, a line's end within JSON.
    rf"|(?:{_PREFIXES})(?={_BODY}{{0,80}}[0-9]){_BODY}{{8,}}"
    rf"|(?<![A-Za-z0-9])(?:{_PREFIXES})(?={_BODY}{{0,80}}[A-Za-z]{{16}}){_BODY}{{16,}}"
    r"|(?:AKIA|ASIA|AROA)[0-9A-Z]{16}"
    r"|AIza[0-9A-Za-z_-]{30,}"
    r"|eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]*"
    r"|(?P<scheme>(?i:bearer|basic)\s{1,4})[A-Za-z0-9._~+/=-]{8,}"
    r"|(?P<user>://[^\s/:@\"']{1,100}:)[^\s/@\"']{1,200}(?=@)"
    r"|(?P<name>(?i:api[_-]?key|apikey|secret|passwd|password|access[_-]?token|auth[_-]?token)"
    r"[\"'\\]{0,4}\s{0,4}[:=]\s{0,4}[\"'\\]{0,4})[^\s\"'\\,;]{6,}"
)
# The lookbehind lets only the beginning of a run of such characters be tried: linear time.
_EMAILS = re.compile(r"(?<![\w.%+-])[\w.%+-]+@[\w-]+(?:\.[\w-]+)+")
# Fields that hold secrets whatever they look like.
_SECRET_FIELDS = re.compile(
    r"(?i)(?:x-)?api[_-]?key|authorization|proxy-authorization|passw(?:or)?d|secret|client_secret"
    r"|(?:access|auth|refresh|id)_?token"
)
_DATA_URL = re.compile(
    r"data:([\w.+-]{1,40}/[\w.+-]{1,80})?(?:;[\w.=+-]{1,80}){0,4};base64,([A-Za-z0-9+/=_-]{32,})"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{1024,}={0,2}")
_MOST_NUMBERS = 64


@dataclass(frozen=True, slots=True)
class Rules:
    """What is taken out.

    Attributes:
        keys: tokens, passwords and private keys of common shapes.
        emails: addresses.
        own: expressions with what replaces their matches.
    """

    keys: bool
    emails: bool
    own: tuple[tuple[re.Pattern[str], str], ...] = ()


@dataclass(slots=True)
class Tally:
    """How many places were replaced, and how many of them were binary."""

    redacted: int = 0
    blobs: int = 0


def compile_rules(redact: Sequence[Literal["keys", "emails"] | Redaction]) -> Rules:
    """The rules of a configuration.

    Raises:
        ConfigError: an expression cannot be read.
    """
    own = []
    for number, rule in enumerate(redact):
        if isinstance(rule, str):
            continue
        try:
            own.append((re.compile(rule.pattern), rule.replacement))
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigError(
                f"`capture.redact[{number}].pattern` is no regular expression: {error}.",
                fix="It is written as Python's `re` reads it.",
            ) from None
    return Rules("keys" in redact, "emails" in redact, tuple(own))


def redact_text(text: str, rules: Rules, tally: Tally) -> str:
    """``text`` without binary parts, then without keys, addresses and what own rules match."""
    text = _without_blobs(text, tally)
    count = 0
    if rules.keys:
        text, count = _KEYS.subn(_key, text)
        tally.redacted += count
    if rules.emails and "@" in text:
        text, count = _EMAILS.subn(EMAIL, text)
        tally.redacted += count
    for pattern, replacement in rules.own:
        text, count = pattern.subn(lambda _, by=replacement: by, text)  # type: ignore[misc]
        tally.redacted += count
    return text


def redact_json(value: Any, rules: Rules, tally: Tally) -> Any:  # noqa: ANN401 -- any JSON value
    """The same of every string in a JSON value, names of fields included."""
    if isinstance(value, str):
        return redact_text(value, rules, tally)
    if isinstance(value, list):
        return [redact_json(item, rules, tally) for item in value]
    if isinstance(value, dict):
        return {
            redact_text(name, rules, tally): _field(name, item, rules, tally)
            for name, item in value.items()
        }
    return value


def without_vectors(value: Any) -> Any:  # noqa: ANN401
    """A JSON value whose long lists of numbers (embeddings) are replaced by their length."""
    if isinstance(value, dict):
        return {name: without_vectors(item) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) > _MOST_NUMBERS and all(isinstance(item, int | float) for item in value):
        return f"[{len(value)} numbers]"
    return [without_vectors(item) for item in value]


def _field(name: str, value: Any, rules: Rules, tally: Tally) -> Any:  # noqa: ANN401
    if rules.keys and isinstance(value, str) and value and _SECRET_FIELDS.fullmatch(name):
        tally.redacted += 1
        return KEY
    return redact_json(value, rules, tally)


def _key(match: re.Match[str]) -> str:
    """The match's replacement; what only tells that a secret follows stays readable."""
    kept: str = match["scheme"] or match["user"] or match["name"] or ""
    return kept + KEY


def _without_blobs(text: str, tally: Tally) -> str:
    if ";base64," in text:
        text, count = _DATA_URL.subn(lambda found: _blob(found[2], found[1] or "data"), text)
        tally.blobs += count
        tally.redacted += count
    if len(text) >= 1024 and _BASE64.fullmatch(text):
        tally.blobs += 1
        tally.redacted += 1
        text = _blob(text, "base64")
    return text


def _blob(encoded: str, kind: str) -> str:
    """What stands for a binary part: its kind, size and digest, so that equals stay equal."""
    try:
        plain = encoded.replace("-", "+").replace("_", "/").rstrip("=")
        data = b64decode(plain + "=" * (-len(plain) % 4))
    except (Base64Error, ValueError):
        data = encoded.encode()
    return f"[{kind}, {len(data)} bytes, sha256:{hashlib.sha256(data).hexdigest()[:16]}]"
