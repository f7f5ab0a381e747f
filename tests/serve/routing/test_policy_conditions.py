"""Every condition of a route, what a policy makes of models' states, and its explanations."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from weighbridge.core.gateway import Asked, EngineState, Grant, ModelView
from weighbridge.core.routing import (
    Condition,
    ModelEntry,
    Price,
    Route,
    RouterConfig,
    Signals,
    TaskSignal,
)
from weighbridge.serve.routing.learned import Learned
from weighbridge.serve.routing.policy import RoutePolicy

CHAT = Asked("/v1/chat/completions", "auto")
ANYBODY = Grant()


def served(**more: Any) -> ModelEntry:
    return ModelEntry(url="http://127.0.0.1:1", **more)


def config(*routes: Route, **more: Any) -> RouterConfig:
    models = more.pop("models", {name: served() for name in ("small", "large", "spare")})
    return RouterConfig(models=models, routes=routes, **more)


def used(
    cfg: RouterConfig,
    asked: Asked = CHAT,
    grant: Grant = ANYBODY,
    views: dict[str, ModelView] | None = None,
) -> tuple[str, ...]:
    return RoutePolicy(cfg).decide(asked, grant, views or {}).use


def when(
    asked: Asked = CHAT, grant: Grant = ANYBODY, *, signals: Signals | None = None, **c: Any
) -> bool:
    """Whether a route with this condition applies."""
    views = c.pop("views", None)
    cfg = config(
        Route(use=("large",), when=Condition(**c)),
        Route(use=("small",)),
        signals=signals or Signals(),
    )
    policy = RoutePolicy(cfg)
    choice = policy.decide(asked, grant, views or {})
    explained = policy.explain(asked, grant, views or {})
    assert explained.choice == choice
    first = explained.routes[0]
    assert first.applies == all(reason.holds for reason in first.reasons)
    assert first.applies == (choice.use == ("large",))
    assert all(reason.asked and reason.seen for reason in first.reasons)
    return first.applies


@pytest.mark.parametrize(
    ("condition", "yes", "no"),
    [
        ({"tools": True}, {"tools": True}, {}),
        ({"tools": False}, {}, {"tools": True}),
        ({"json_schema": True}, {"json_schema": True}, {}),
        ({"images": True}, {"images": True}, {}),
        ({"min_prompt_tokens": 100}, {"prompt_tokens": 100}, {"prompt_tokens": 99}),
        ({"max_prompt_tokens": 100}, {"prompt_tokens": 100}, {"prompt_tokens": 101}),
        ({"path": "/v1/embeddings"}, {"path": "/v1/embeddings"}, {}),
        ({"max_deadline": "2s"}, {"deadline_s": 2.0}, {"deadline_s": 2.5}),
        ({"max_deadline": 2}, {"deadline_s": 1.0}, {}),
        ({"header": {"X-Team": "red"}}, {"headers": ((b"x-team", b"red"),)}, {}),
        (
            {"header": {"x-team": "red"}},
            {"headers": ((b"a", b"red"), (b"x-team", b"red"))},
            {"headers": ((b"x-team", b"blue"),)},
        ),
        ({"language": "de"}, {"message": "Was ist das für ein Tier?"}, {"message": "hello there"}),
    ],
)
def test_each_condition(condition: Any, yes: Any, no: Any) -> None:
    assert when(replace(CHAT, **yes), **condition)
    assert not when(replace(CHAT, **no), **condition)


def test_all_parts_of_a_condition_have_to_hold() -> None:
    both: Any = {"tools": True, "min_prompt_tokens": 10}
    assert when(replace(CHAT, tools=True, prompt_tokens=10), **both)
    assert not when(replace(CHAT, tools=True, prompt_tokens=9), **both)


def test_tier() -> None:
    assert when(grant=Grant(tier="gold"), tier="gold")
    assert not when(grant=Grant(tier="free"), tier="gold")
    assert not when(tier="gold")


def test_task() -> None:
    signals = Signals(task={"sums": TaskSignal(keywords=("plus",)), "names": TaskSignal(("who",))})
    assert when(replace(CHAT, message="two plus two"), signals=signals, task="sums")
    assert not when(replace(CHAT, message="who"), signals=signals, task="sums")


def test_state_of_the_first_model() -> None:
    def at(**more: Any) -> dict[str, ModelView]:
        return {"large": ModelView("large", **more)}

    assert when(views=at(state="ready"), warm=True)
    assert not when(views=at(state="asleep"), warm=True)
    assert when(views=at(state="asleep"), warm=False)
    assert when(views=at(state="ready", queued=3), max_queue=3)
    assert not when(views=at(state="ready", queued=4), max_queue=3)
    assert when(views=at(state="ready", ttft_s=0.5), max_ttft="500ms")
    assert not when(views=at(state="ready", ttft_s=0.6), max_ttft="500ms")
    assert when(views=at(state="ready"), max_ttft="500ms")  # unknown: else it stays unknown


def test_a_name_that_is_no_models_is_decided_by_routes() -> None:
    cfg = config(
        Route(use=("small",), when=Condition(model="fast")), Route(use=("large",)), fallbacks={}
    )
    assert used(cfg, replace(CHAT, model="fast")) == ("small",)
    assert used(cfg) == ("large",)
    assert used(cfg, replace(CHAT, model="slow")) == ()


def test_aliases_and_fallbacks_by_name() -> None:
    models = {"small": served(aliases=("gpt-4o-mini",)), "large": served(), "spare": served()}
    cfg = config(
        Route(use=("small",)),
        models=models,
        fallbacks={"small": ("large",), "large": ("spare", "small")},
    )
    policy = RoutePolicy(cfg)
    choice = policy.decide(replace(CHAT, model="gpt-4o-mini"), ANYBODY, {})
    assert choice.use == ("small", "large", "spare")
    assert choice.route is None
    assert "gpt-4o-mini" in choice.why
    assert policy.decide(CHAT, ANYBODY, {}).use == ("small", "large", "spare")


def test_routes_may_use_aliases() -> None:
    models = {"small": served(aliases=("mini",)), "large": served()}
    assert used(config(Route(use=("mini", "large", "small")), models=models)) == ("small", "large")


def test_models_that_fail_go_last() -> None:
    cfg = config(Route(use=("small", "large", "spare")))
    views = {
        "small": ModelView("small", "failed"),
        "large": ModelView("large", "ready", replicas=(2, 0)),
        "spare": ModelView("spare", "stopped"),
    }
    assert used(cfg, views=views) == ("spare", "small", "large")
    named = config(fallbacks={"small": ("spare",)})
    assert used(named, replace(CHAT, model="small"), views=views) == ("spare", "small")


@pytest.mark.parametrize("state", get_args(EngineState))
def test_an_engine_of_ours_keeps_its_place_in_every_state_but_failed(state: EngineState) -> None:
    routed = config(Route(use=("small", "large")))
    named = config(fallbacks={"small": ("large",)})
    well = 0 if state == "failed" else 1
    for replicas in ((1, well), (1, 0)):
        views = {
            "small": ModelView("small", state, replicas=replicas, is_ours=True),
            "large": ModelView("large", "ready", is_ours=True),
        }
        expected = ("large", "small") if state == "failed" else ("small", "large")
        assert used(routed, views=views) == expected
        assert used(named, replace(CHAT, model="small"), views=views) == expected
        warmest = config(Route(use=("small", "large"), prefer="warmest"))
        first = "small" if state == "ready" else "large"
        assert used(warmest, views=views)[0] == first


def test_a_key_gets_only_its_models() -> None:
    cfg = config(
        Route(use=("large", "small")), Route(use=("spare",)), fallbacks={"small": ("spare",)}
    )
    assert used(cfg, grant=Grant(models=frozenset({"small"}))) == ("small",)
    assert used(cfg, grant=Grant(models=frozenset({"spare"}))) == ("spare",)
    assert used(cfg, grant=Grant(models=frozenset())) == ()
    named = replace(CHAT, model="small")
    assert used(cfg, named, Grant(models=frozenset({"spare"}))) == ()
    assert used(cfg, named, Grant(models=frozenset({"small"}))) == ("small",)
    assert used(cfg, named) == ("small", "spare")


def test_a_long_prompt_goes_to_a_roomier_model() -> None:
    models = {
        "small": ModelEntry(engine="llamacpp", source="s.gguf", context=1000),
        "large": ModelEntry(engine="llamacpp", source="l.gguf", context=4000),
        "spare": served(),
    }
    cfg = config(
        Route(use=("small",)),
        models=models,
        context_window_fallbacks={"small": ("large",), "large": ("spare",)},
    )
    for name in ("auto", "small"):
        asked = replace(CHAT, model=name)
        assert used(cfg, replace(asked, prompt_tokens=1000)) == ("small",)
        assert used(cfg, replace(asked, prompt_tokens=900, max_tokens=101))[0] == "large"
        assert used(cfg, replace(asked, prompt_tokens=5000)) == ("spare", "small")


def test_the_default_context_of_a_foreign_server_is_not_taken_for_its_own() -> None:
    cfg = config(Route(use=("small",)), context_window_fallbacks={"small": ("large",)})
    assert used(cfg, replace(CHAT, prompt_tokens=100_000)) == ("small",)


def test_models_that_are_known_to_be_unable_are_left_out() -> None:
    models = {"small": served(can=("tools",)), "large": served(can=("images", "tools"))}
    cfg = config(Route(use=("small", "large")), models=models)
    assert used(cfg) == ("small", "large")
    assert used(cfg, replace(CHAT, tools=True)) == ("small", "large")
    assert used(cfg, replace(CHAT, images=True)) == ("large",)
    assert used(cfg, replace(CHAT, path="/v1/embeddings")) == ("small", "large")  # none can


def test_preferences() -> None:
    models = {
        "small": served(price=Price(prompt=1.0, output=1.0)),
        "large": served(price=Price(prompt=0.5, output=9.0)),
        "spare": served(),
    }
    views = {
        "small": ModelView("small", "stopped", ttft_s=0.1),
        "large": ModelView("large", "ready", ttft_s=0.9),
        "spare": ModelView("spare", "ready", ttft_s=0.4),
    }

    def by(prefer: Any, asked: Asked = CHAT) -> tuple[str, ...]:
        cfg = config(Route(use=("small", "large", "spare"), prefer=prefer), models=models)
        return used(cfg, asked, views=views)

    assert by("order") == ("small", "large", "spare")
    assert by("fastest") == ("spare", "large", "small")
    assert by("warmest") == ("large", "spare", "small")
    assert by("cheapest", replace(CHAT, prompt_tokens=1000)) == ("small", "large", "spare")
    # A long prompt with a short answer is cheaper where prompts are.
    asked = replace(CHAT, prompt_tokens=1000, max_tokens=1)
    assert by("cheapest", asked) == ("large", "small", "spare")


class FixedRoute:
    """A learned route that always says the same."""

    def __init__(self, said: Learned) -> None:
        self.said = said
        self.asked = 0

    def choose(self, message: str) -> Learned:  # noqa: ARG002 -- as asked
        self.asked += 1
        return self.said


SAID = Learned(("large", "small"), ("spare", "gone"), "sums", 0.97, "learned: task sums")


def test_the_learned_route_stands_where_use_names_it() -> None:
    learned = FixedRoute(SAID)
    policy = RoutePolicy(config(Route(use=("learned", "small"))), learned)
    choice = policy.decide(CHAT, ANYBODY, {})
    assert choice.use == ("large", "small", "spare")
    assert choice.task == "sums"
    assert choice.why == "learned: task sums"
    assert learned.asked == 1
    assert "learned: task sums" in policy.explain(CHAT, ANYBODY, {}).routes[0].note


def test_a_preference_chooses_among_the_tied_only() -> None:
    cfg = config(Route(use=("learned",), prefer="warmest"))
    policy = RoutePolicy(cfg, FixedRoute(SAID))
    views = {"small": ModelView("small", "ready"), "spare": ModelView("spare", "ready")}
    assert policy.decide(CHAT, ANYBODY, views).use == ("small", "large", "spare")


def test_a_learned_task_counts_where_keywords_tell_nothing() -> None:
    cfg = config(
        Route(use=("small",), when=Condition(task="sums")),
        Route(use=("large",)),
        signals=Signals(task={"names": TaskSignal(keywords=("who",))}),
    )
    policy = RoutePolicy(cfg, FixedRoute(SAID))
    assert policy.decide(replace(CHAT, message="2 and 2"), ANYBODY, {}).use == ("small",)
    assert policy.decide(replace(CHAT, message="who"), ANYBODY, {}).use == ("large",)


def test_without_a_learned_route_the_others_in_use_answer() -> None:
    policy = RoutePolicy(config(Route(use=("learned", "small"))))
    assert policy.decide(CHAT, ANYBODY, {}).use == ("small",)
    assert "no learned route" in policy.explain(CHAT, ANYBODY, {}).routes[0].note


def test_an_explanation_tells_every_route_apart() -> None:
    cfg = config(
        Route(use=("small",), when=Condition(tools=True, tier="gold")),
        Route(use=("large",)),
        Route(use=("spare",)),
    )
    found = RoutePolicy(cfg).explain(CHAT, ANYBODY, {})
    assert [route.applies for route in found.routes] == [False, True, True]
    assert [route.decides for route in found.routes] == [False, True, False]
    assert [(r.asked, r.holds, r.seen) for r in found.routes[0].reasons] == [
        ("with tools", False, "without tools"),
        ("tier gold", False, "the key has no tier"),
    ]


NAMES = st.sampled_from(["small", "large", "spare"])
VIEWS = st.dictionaries(
    NAMES,
    st.builds(
        ModelView,
        model=st.just("x"),
        state=st.sampled_from(["ready", "failed", "asleep", "stopped"]),
        queued=st.integers(0, 9),
        ttft_s=st.none() | st.floats(0, 9),
    ),
)


@given(
    st.lists(NAMES, min_size=1, max_size=3, unique=True),
    st.sampled_from(["order", "fastest", "cheapest", "warmest"]),
    VIEWS,
    st.none() | st.frozensets(NAMES),
    st.dictionaries(NAMES, st.lists(NAMES, max_size=2).map(tuple)),
    st.integers(0, 5000),
    st.sampled_from(["auto", "small"]),
)
def test_a_decision_is_always_of_allowed_models_each_once(  # noqa: PLR0917 -- drawn
    use: list[str],
    prefer: Any,
    views: dict[str, ModelView],
    allowed: frozenset[str] | None,
    fallbacks: dict[str, tuple[str, ...]],
    tokens: int,
    name: str,
) -> None:
    models = {n: ModelEntry(engine="vllm", source="x", context=1000) for n in ("small", "large")}
    cfg = config(
        Route(use=tuple(use), prefer=prefer),
        models=models | {"spare": served()},
        fallbacks=fallbacks,
        context_window_fallbacks=fallbacks,
    )
    asked = replace(CHAT, model=name, prompt_tokens=tokens)
    found = RoutePolicy(cfg).decide(asked, Grant(models=allowed), views).use
    assert len(set(found)) == len(found)
    assert allowed is None or set(found) <= allowed
    if allowed is None:
        assert found
        bad = [n for n in found if n in views and views[n].state == "failed"]
        assert found[len(found) - len(bad) :] == tuple(bad)
