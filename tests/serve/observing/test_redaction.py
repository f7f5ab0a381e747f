from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import Redaction
from weighbridge.serve.observing.redaction import (
    Tally,
    compile_rules,
    redact_json,
    redact_text,
    without_vectors,
)

RULES = compile_rules(("keys", "emails"))
_BASE62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bodies = st.text(_BASE62, min_size=19, max_size=60).map(lambda text: text[:5] + "7" + text[5:])
keys = st.builds(
    "{}{}".format,
    st.sampled_from(
        ["wb-", "wb-anna-", "sk-", "sk-proj-", "sk-ant-api03-", "hf_", "ghp_", "glpat-", "xoxb-"]
    ),
    bodies,
)
emails = st.builds(
    "{}@{}.{}".format,
    st.text("abcxyz0189._+-", min_size=1, max_size=12).filter(lambda text: text[0] not in "._+-"),
    st.text("abcxyz019-", min_size=1, max_size=10),
    st.sampled_from(["de", "com", "co.uk", "museum"]),
)
secrets = st.one_of(keys, emails, st.builds("Bearer {}".format, bodies))


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, Any]:
    """A secret, and a JSON value that has it in some of its strings."""
    secret = draw(secrets)
    plain = st.one_of(st.none(), st.booleans(), st.integers(), st.text())
    holding = st.builds(lambda before, after: before + secret + after, st.text(), st.text())
    value = st.recursive(
        st.one_of(plain, holding),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.one_of(st.text(), holding), inner, max_size=4),
        ),
        max_leaves=12,
    )
    return secret, draw(value)


@given(planted())
def test_planted_secrets_never_leak(case: tuple[str, Any]) -> None:
    secret, value = case
    clean = redact_json(value, RULES, Tally())
    assert secret not in json.dumps(clean, ensure_ascii=False)


@given(secrets, st.text(max_size=40), st.text(max_size=40))
def test_nor_do_they_as_json_within_text(secret: str, before: str, after: str) -> None:
    inner = json.dumps({"note": before + "\n" + secret + "\n" + after})
    assert secret not in redact_text(inner, RULES, Tally())


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Write to anna.b+c@mail.example.org!", "Write to [e-mail]!"),
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer [key]"),
        ("postgres://weigh:hunter22@db/x", "postgres://weigh:[key]@db/x"),
        ('password = "correct-horse"', 'password = "[key]"'),
        ("hf_AbCdEfGhIjKlMnOpQrSt", "[key]"),
        ("AWS AKIAIOSFODNN7EXAMPLE.", "AWS [key]."),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nxyz\n-----END RSA PRIVATE KEY----- end",
            "[key] end",
        ),
        ("-----BEGIN PRIVATE KEY-----\\nMIIE cut off", "[key]"),
        ("token eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2ln", "token [key]"),
    ],
)
def test_what_is_taken_out(text: str, clean: str) -> None:
    tally = Tally()
    assert redact_text(text, RULES, tally) == clean
    assert tally.redacted == 1


@pytest.mark.parametrize(
    "text",
    [
        "risk-management-and-planning of a task-oriented-dialogue-system",
        "a key-value-store-backend, pk-something-ordinary-words, sk-learn-contrib-packages",
        "Ask @anna about the 3@5 rule, a@b.",
        "The secret of the house: none.",
        "pk- sk- wb-",
        "Schlüssel und Straße, 東京で会いましょう",
        "x = a @ b.T",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact_text(text, RULES, Tally()) == text


def test_fields_that_hold_secrets_are_emptied_whatever_they_hold() -> None:
    clean = redact_json({"password": "short", "api_key": "x", "other": "short"}, RULES, Tally())
    assert clean == {"password": "[key]", "api_key": "[key]", "other": "short"}


def test_images_become_their_kind_size_and_digest() -> None:
    data = bytes(range(256)) * 8
    encoded = base64.b64encode(data).decode()
    tally = Tally()
    request = {"url": f"data:image/png;base64,{encoded}", "bare": encoded}
    clean = redact_json(request, RULES, tally)
    assert clean["url"].startswith("[image/png, 2048 bytes, sha256:")
    assert clean["bare"].startswith("[base64, 2048 bytes, sha256:")
    assert clean["url"].split("sha256:")[1] == clean["bare"].split("sha256:")[1]
    assert tally.blobs == 2


def test_embeddings_become_their_length() -> None:
    answer = {"data": [{"embedding": [0.5] * 768, "index": 0}], "short": [1, 2]}
    assert without_vectors(answer) == {
        "data": [{"embedding": "[768 numbers]", "index": 0}],
        "short": [1, 2],
    }


def test_own_expressions_come_last_and_their_replacement_is_literal() -> None:
    rules = compile_rules(("keys", Redaction(r"Kunde (\d+)", r"Kunde \1")))
    tally = Tally()
    assert redact_text("Kunde 12345 a@b.de", rules, tally) == r"Kunde \1 a@b.de"
    assert tally.redacted == 1


def test_nothing_is_taken_out_where_nothing_is_asked() -> None:
    text = "a@b.de wb-abcdefghijk1234567"
    assert redact_text(text, compile_rules(()), Tally()) == text


def test_a_broken_expression_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"redact\[1\].*no regular expression"):
        compile_rules(("keys", Redaction("(")))


@pytest.mark.parametrize(
    "unit",
    ["a", "sk-", "a@", "a.", "eyJ", "wb-a", "bearer ", "://a:", "password=", "-----BEGIN ",
     "data:", "data:a/b;base64,", "AKIA", "a@b.", "ghp_", "api_key\"", "\\", "Bearer  \t"],
)  # fmt: skip
def test_no_text_makes_the_built_in_expressions_slow(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    began = time.process_time()
    redact_text(text, RULES, Tally())
    assert time.process_time() - began < 3.0
