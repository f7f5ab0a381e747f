"""Models and replicas that are put off: when all others have failed they are asked after all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from tests.fakes.plane import FakeFleet
from tests.serve.proxy.rig import ANSWER, PLAIN, Call, Rig, dead_url, engine, gateway, post
from tests.wire.conftest import Run
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import EngineError
from weighbridge.core.gateway import ModelView
from weighbridge.serve.proxy.attempts import Attempts
from weighbridge.serve.routing.balance import PowerOfTwo

FALLBACK = {"a": ("a", "b"), "b": ("b",)}


def for_a() -> bytes:
    return post(b'{"model":"a","prompt":"x"}', path=b"/v1/completions")


def test_those_put_off_come_last_and_once() -> None:
    attempts = Attempts(("a", "b"))
    replica = endpoint_at("http://127.0.0.1:1", "m")
    assert attempts.next_model() == "a"
    attempts.put_off("a", (replica,))
    assert attempts.has_more()
    assert attempts.next_model() == "b"
    assert not attempts.tried
    assert not attempts.has_more()
    attempts.put_off("b")
    assert attempts.next_model() == "a"
    assert attempts.is_second_round
    assert attempts.tried == (replica,)
    attempts.put_off("a")
    assert attempts.next_model() == "b"
    assert not attempts.tried
    assert attempts.next_model() is None


@pytest.mark.parametrize("status", [500, 501, 400, 429])
def test_an_answer_about_one_request_shuts_nobody_out(run: Run, status: int) -> None:
    async def sometimes(call: Call) -> None:
        if b"bad" in call.body:
            await call.send(b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % status)
        else:
            await call.send(PLAIN)

    async def main() -> None:
        async with engine(sometimes) as e, gateway({"a": (e.url,)}) as rig:
            rig.plane.balancer = PowerOfTwo()
            for _ in range(30):
                bad = post(b'{"model":"a","prompt":"bad"}', path=b"/v1/completions")
                assert (await rig.ask(bad))[0] == status
            assert (await rig.ask(for_a()))[::2] == (200, ANSWER)
            assert rig.plane.balancer.state(rig.fleet.endpoints["a"][0]).state == "closed"

    run(main())


def test_the_only_replica_is_asked_however_often_it_failed(run: Run) -> None:
    async def main() -> None:
        down = True

        async def script(call: Call) -> None:
            if down:
                await call.send(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno")
            else:
                await call.send(PLAIN)

        async with engine(script) as e, gateway({"a": (e.url,)}) as rig:
            balancer = rig.plane.balancer = PowerOfTwo()
            for _ in range(10):
                assert (await rig.ask(for_a()))[::2] == (503, b"no"), "the engine's own words"
            assert balancer.state(rig.fleet.endpoints["a"][0]).state != "closed"
            down = False
            assert (await rig.ask(for_a()))[::2] == (200, ANSWER)
            assert balancer.state(rig.fleet.endpoints["a"][0]).state == "closed"
            assert not any(rig.fleet.inside.values())

    run(main())


def test_a_model_that_fails_is_passed_over_while_a_fallback_answers_and_no_longer(
    run: Run,
) -> None:
    async def main() -> None:
        dead = await dead_url()
        async with engine() as b, gateway({"a": (dead,), "b": (b.url,)}, use=FALLBACK) as rig:
            rig.plane.balancer = PowerOfTwo()
            for _ in range(6):
                _, headers, body = await rig.ask(for_a())
                assert (headers["x-weighbridge-model"], body) == ("b", ANSWER)
            assert [o.attempts for o in rig.observer.outcomes] == [2, 2, 2, 1, 1, 1]
            assert rig.observer.outcomes[-1].reason == "a: its servers failed lately."
            rig.fleet.waits["b"] = EngineError("It does not start.")
            status, _, body = await rig.ask(for_a())
            assert status == 502
            message = json.loads(body)["error"]["message"]
            assert f"a: Nobody answers at {dead.removesuffix('/v1')}" in message
            assert not any(rig.fleet.inside.values())

    run(main())


def test_replicas_that_failed_lately_are_asked_when_the_others_fail_too(run: Run) -> None:
    async def main() -> None:
        dead = await dead_url()
        async with engine() as good, gateway({"a": (dead, good.url)}) as rig:
            balancer = rig.plane.balancer = PowerOfTwo()
            shunned = rig.fleet.endpoints["a"][1]
            for _ in range(3):
                balancer.began(shunned, 1)
                balancer.ended(shunned, 1, failed=True, ttft_s=None)
            assert (await rig.ask(for_a()))[::2] == (200, ANSWER)
            assert rig.outcome.attempts == 2
            assert balancer.state(shunned).state == "closed"
            assert not any(rig.fleet.inside.values())

    run(main())


class Restarting(FakeFleet):
    """An engine of ours that is gone, until it is suspected: then it starts anew elsewhere."""

    def start_anew(self, url: str) -> None:
        self.elsewhere = endpoint_at(url, "m")

    @property
    def views(self) -> Mapping[str, ModelView]:
        return {name: ModelView(name, "ready", is_ours=name == "a") for name in self.endpoints}

    def suspect(self, model: str, endpoint: Endpoint, *, refused: bool = False) -> None:
        super().suspect(model, endpoint, refused=refused)
        assert refused
        self.waits[model] = 0.05

    async def wait(self, model: str, limit_s: float) -> Sequence[Endpoint]:
        await super().wait(model, limit_s)
        return (self.elsewhere,)


async def restarting(rig: Rig, url: str) -> Restarting:
    fleet = rig.plane.fleet = rig.fleet = Restarting(rig.fleet.endpoints)
    fleet.start_anew(url)
    return fleet


def test_a_request_that_was_never_sent_waits_for_our_engine_to_be_there_again(run: Run) -> None:
    async def main() -> None:
        dead = await dead_url()
        async with engine() as again, gateway({"a": (dead,)}) as rig:
            await restarting(rig, again.url)
            status, headers, body = await rig.ask(for_a())
            assert (status, body) == (200, ANSWER)
            assert headers["x-weighbridge-model"] == "a"
            assert rig.outcome.queued_s >= 0.04
            assert len(again.calls) == 1
            rig.assert_all_left()

    run(main())


def test_it_waits_once_and_then_says_why(run: Run) -> None:
    async def main() -> None:
        dead = await dead_url()
        async with engine() as good, gateway({"a": (dead,), "b": (good.url,)}) as rig:
            fleet = await restarting(rig, dead)
            status, _, body = await rig.ask(for_a())
            assert status == 502
            assert "Nobody answers at" in json.loads(body)["error"]["message"]
            assert len(fleet.suspected) == 2
            rig.assert_all_left()

    run(main())


def test_a_fallback_does_not_wait(run: Run) -> None:
    async def main() -> None:
        dead = await dead_url()
        async with engine() as good:
            models = {"a": (dead,), "b": (good.url,)}
            async with gateway(models, use=FALLBACK) as rig:
                fleet = await restarting(rig, good.url)
                _, headers, body = await rig.ask(for_a())
                assert (headers["x-weighbridge-model"], body) == ("b", ANSWER)
                # Where the fallback fails, the engine gets its turn after all.
                fleet.waits = {"b": EngineError("It does not start.")}
                _, headers, body = await rig.ask(for_a())
                assert (headers["x-weighbridge-model"], body) == ("a", ANSWER)
                rig.assert_all_left()

    run(main())
