"""Decisions told without sending anything."""

from __future__ import annotations

import json

import pytest

from weighbridge.core.errors import InputError
from weighbridge.core.routing import Condition, KeyEntry, ModelEntry, Route, RouterConfig
from weighbridge.verbs.explain import explain, grant_of, to_json

CONFIG = RouterConfig(
    models={
        "own": ModelEntry(cmd="x ${PORT}", aliases=("mine",)),
        "early": ModelEntry(cmd="x ${PORT}", preload=True),
        "far": ModelEntry(url="http://10.0.0.7"),
    },
    routes=(
        Route(use=("own",), when=Condition(warm=True)),
        Route(use=("early",), when=Condition(warm=True, header={"x-team": "blue"})),
        Route(use=("far",)),
    ),
    keys=(KeyEntry(name="bob", hash="sha256:" + "0" * 64, models=("mine",), tier="gold"),),
)
BODY = json.dumps({"messages": [{"role": "user", "content": "Hello there"}]}).encode()


def test_engines_are_stopped_unless_preloaded() -> None:
    found = explain(CONFIG, BODY, headers=[("X-Team", " blue")])
    assert found.choice.use == ("early",)
    assert [verdict.applies for verdict in found.routes] == [False, True, True]
    assert [verdict.decides for verdict in found.routes] == [False, True, False]
    assert explain(CONFIG, BODY).choice.use == ("far",)


def test_a_key_is_asked_for_by_its_name() -> None:
    grant = grant_of(CONFIG, "bob")
    assert (grant.tier, grant.models) == ("gold", frozenset({"own"}))
    assert explain(CONFIG, BODY, key_name="bob").choice.use == ()
    with pytest.raises(InputError, match="Did you mean 'bob'"):
        explain(CONFIG, BODY, key_name="bop")


def test_json_has_everything_but_the_message() -> None:
    told = to_json(explain(CONFIG, BODY))
    text = json.dumps(told)
    assert "Hello" not in text
    assert told["use"] == ["far"]
    assert told["routes"][0]["reasons"][0]["holds"] is False


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": 3}', b"\xff"])
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        explain(CONFIG, body)


def test_a_path_that_goes_to_no_model_is_refused() -> None:
    with pytest.raises(InputError, match="/v1/models"):
        explain(CONFIG, BODY, path="/v1/models")
