from __future__ import annotations

import pytest

from weighbridge.engines.offered import context_in


@pytest.mark.parametrize(
    ("body", "context"),
    [
        (b'{"data":[{"id":"other","max_model_len":1},{"id":"m","max_model_len":4096}]}', 4096),
        (b'{"data":[{"id":"m"}]}', None),
        (b'{"data":[{"id":"m","max_model_len":null}]}', None),
        (b'{"default_generation_settings":{"n_ctx":512},"total_slots":4}', 512),
        (b'{"default_generation_settings":{"n_ctx":0}}', None),
        (b'{"default_generation_settings":{"n_ctx":true}}', None),
        (b"[]", None),
        (b"<html>", None),
        (b'{"data":{"m":1}}', None),
    ],
)
def test_what_engines_say_of_their_context(body: bytes, context: int | None) -> None:
    assert context_in(body, "m") == context
