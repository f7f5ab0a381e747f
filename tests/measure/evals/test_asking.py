from __future__ import annotations

import asyncio
import time

import pytest

from tests.fakes.llm_server import Behaviour, Choose, FakeUrl, fake_llm
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.http import Timeouts
from weighbridge.measure.evals.answers import HeldAnswers
from weighbridge.measure.evals.asking import EvalTarget, Told, answer_of, ask, without_thought
from weighbridge.measure.evals.records import Item, Sampling, SuiteFile, make_suite
from weighbridge.measure.evals.requests import Renderer, Sample, request_hash
from weighbridge.measure.evals.runner import Plan, run_plan
from weighbridge.measure.evals.scoring import Call
from weighbridge.verbs.effects import SystemClock
from weighbridge.wire.chat import Completion
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest

BODY = b'{"model": "fake", "messages": []}'


def asked(behaviour: Choose, attempts: int = 3) -> tuple[Told, FakeUrl, float]:
    async def work() -> tuple[Told, FakeUrl, float]:
        async with fake_llm(behaviour) as url, Client() as client:
            timeouts = Timeouts(connect=2, first_byte=2, between_bytes=2, total=2)
            target = EvalTarget(endpoint_at(url, "fake"), 1, timeouts, attempts)
            began = time.monotonic()
            told = await ask(client, SystemClock(), target, BODY)
            return told, url, time.monotonic() - began

    return asyncio.run(work())


def first(count: int, fault: Behaviour) -> Choose:
    return lambda _, number: fault if number < count else Behaviour(text="yes")


def test_a_server_is_given_the_time_it_asks_for() -> None:
    told, url, took_s = asked(first(1, Behaviour("status", status=429, retry_after=1)))
    assert told.completion is not None
    assert len(url.requests) == 2
    assert 1.0 <= took_s < 2.0


def test_being_told_to_wait_is_no_failure() -> None:
    # More often than a question is asked that fails.
    told, url, _ = asked(first(5, Behaviour("status", status=503, retry_after=0)), attempts=1)
    assert told.completion is not None
    assert len(url.requests) == 6


def test_but_not_for_ever() -> None:
    told, url, _ = asked(Behaviour("status", status=429, retry_after=0), attempts=2)
    assert told.completion is None
    assert told.error is not None
    assert told.error.kind == "http_429"
    assert len(url.requests) == 10 + 2


def test_nor_for_hours() -> None:
    told, url, took_s = asked(Behaviour("status", status=429, retry_after=7200), attempts=2)
    assert told.completion is None
    assert len(url.requests) == 2
    assert took_s < 2


def test_pauses_grow() -> None:
    _, url, took_s = asked(first(2, Behaviour("status", status=500)))
    assert len(url.requests) == 3
    assert 0.2 + 0.4 <= took_s < 1.5


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>hm</think>\n\nyes", "yes"),
        ("  <thinking>a\nb</thinking>yes", "yes"),
        ("hm, so</think>yes", "yes"),
        ("<think>so it is 42", ""),
        ("\n<thought>so it is 42", ""),
        ("yes <think>no</think>", ""),
        ("plain", "plain"),
    ],
)
def test_thinking_before_the_answer_is_not_judged(text: str, rest: str) -> None:
    if text.startswith("yes"):
        assert without_thought(text) == text  # thinking after the answer is part of it
    else:
        assert without_thought(text) == rest


def test_tool_calls_are_read_as_servers_write_them() -> None:
    async def work() -> Completion:
        body = (
            b'{"choices": [{"message": {"content": null, "tool_calls": ['
            b'{"function": {"name": "a", "arguments": "{\\"x\\": 1}"}},'
            b'{"function": {"name": "b", "arguments": {"y": 2}}},'
            b'{"function": {"name": "c", "arguments": ""}},'
            b'{"function": {"name": "d", "arguments": "[1]"}},'
            b'{"function": {"name": "e", "arguments": "{broken"}}, 7]}}]}'
        )
        async with fake_llm(Behaviour("json", body=body)) as url, Client() as client:
            target = EvalTarget(endpoint_at(url, "fake"), 1, Timeouts())
            told = await ask(client, SystemClock(), target, BODY)
            assert told.completion is not None
            return told.completion

    answer = answer_of(asyncio.run(work()))
    assert answer.text == ""
    assert answer.calls == (
        Call("a", {"x": 1}), Call("b", {"y": 2}), Call("c", {}), Call("d", None),
        Call("", None), Call("", None),
    )  # fmt: skip


# -- Requests ------------------------------------------------------------------------------------


def bodies(repeats: int = 1, **told: object) -> list[dict[str, object]]:
    settings = SuiteFile(name="s", prompt="p", scorer="exact", **told)  # type: ignore[arg-type]
    tools = [{"type": "function", "function": {"name": "f"}}]
    suite = make_suite(settings, (Item("i", "Why?", "x", {"tools": tools}),))

    async def work() -> list[dict[str, object]]:
        async with fake_llm(Behaviour(text="x")) as url, Client() as client:
            target = EvalTarget(endpoint_at(url, "fake"), 1, Timeouts())
            plan = Plan(suite, repeats)
            await run_plan(client, SystemClock(), target, plan, HeldAnswers(lambda _: None))
            return url.bodies

    return asyncio.run(work())


def test_sampling_is_sent_as_the_suite_says() -> None:
    (plain,) = bodies()
    assert plain["temperature"] == 0.0
    assert not {"seed", "top_p", "stop", "tools"} & plain.keys()
    sampling = Sampling(
        temperature=None, top_p=0.9, stop=("END",), extra={"top_k": 5, "max_tokens": 7}
    )
    (told,) = bodies(sampling=sampling, tools=True)
    assert "temperature" not in told
    assert (told["top_p"], told["stop"], told["top_k"]) == (0.9, ["END"], 5)
    assert told["max_tokens"] == 7  # what the suite spells out wins
    assert told["tools"]


def test_every_repeat_has_a_seed_of_its_own() -> None:
    told = bodies(3, sampling=Sampling(temperature=1.0, seed=10))
    assert [body["seed"] for body in told] == [10, 11, 12]


def test_the_hash_is_of_all_that_is_sent() -> None:
    settings = SuiteFile(name="s", prompt="p", scorer="exact")
    seen = {
        request_hash(Renderer(model, told).body(Sample(Item("i", prompt, "x"))))
        for model, told, prompt in (
            ("a", settings, "Why?"),
            ("b", settings, "Why?"),
            ("a", settings, "How?"),
            ("a", SuiteFile(name="s", prompt="p", scorer="exact", max_tokens=9), "Why?"),
            ("a", SuiteFile(name="s", prompt="p", scorer="exact", system="Be brief."), "Why?"),
        )
    }
    assert len(seen) == 5
    # The gold and the name of the suite are not sent.
    other = SuiteFile(name="t", prompt="p", scorer="exact")
    assert request_hash(Renderer("a", other).body(Sample(Item("j", "Why?", "y")))) in seen


def test_an_order_by_seed_changes_the_asking_not_the_results() -> None:
    settings = SuiteFile(name="s", prompt="p", scorer="exact")
    items = tuple(Item(str(n), f"question {n}", "x") for n in range(30))
    suite = make_suite(settings, items)

    async def work(seed: int | None) -> tuple[list[str], list[str]]:
        order: list[str] = []

        def behave(request: ServerRequest, _: int) -> Behaviour:
            order.append(request.body.partition(b"question ")[2].partition(b'"')[0].decode())
            return Behaviour(text="x")

        async with fake_llm(behave) as url, Client() as client:
            target = EvalTarget(endpoint_at(url, "fake"), 1, Timeouts())
            plan = Plan(suite, order_seed=seed)
            held = HeldAnswers(lambda _: None)
            results = await run_plan(client, SystemClock(), target, plan, held)
        return order, [result.id for result in results]

    (plain, first), (mixed, second), (again, _) = (asyncio.run(work(s)) for s in (None, 1, 1))
    assert plain == first == second == [str(n) for n in range(30)]
    assert mixed == again
    assert mixed != plain
    assert sorted(mixed) == sorted(plain)
