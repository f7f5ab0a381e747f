from __future__ import annotations

import asyncio
import sys
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from weighbridge.core.gateway import Asked, Grant, Refusal, TokenUse
from weighbridge.core.routing import Budget, KeyEntry, ModelEntry, Price, Rate, RouterConfig
from weighbridge.serve.access.keyed import KeyedAccess, Resolved
from weighbridge.serve.access.keys import digest
from weighbridge.serve.seams import Access

MODELS = {
    "small": ModelEntry(url="http://127.0.0.1:1", aliases=("s",), price=Price(0.1, 0.2)),
    "large": ModelEntry(url="http://127.0.0.1:1"),
}
CONFIG = RouterConfig(models=MODELS)
CHAT = Asked(path="/v1/chat/completions", model="small", prompt_tokens=100, max_tokens=100)


def key(name: str, **limits: object) -> Resolved:
    return digest(f"wb-{name}-secret".encode()), KeyEntry(name=name, **limits)  # type: ignore[arg-type]


def head(name: str) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"host", b"x"), (b"authorization", f"Bearer wb-{name}-secret".encode()))


@asynccontextmanager
async def access(
    keys: Sequence[Resolved], folder: Path, config: RouterConfig = CONFIG
) -> AsyncIterator[KeyedAccess]:
    opened = KeyedAccess(config, keys, ledger=folder / "ledger.sqlite")
    try:
        yield opened
    finally:
        await opened.close()


def refused(answer: object) -> Refusal:
    assert isinstance(answer, Refusal), answer
    return answer


def granted(answer: object) -> Grant:
    assert isinstance(answer, Grant), answer
    return answer


def test_without_keys_everybody_may_ask(tmp_path: Path) -> None:
    opened: Access = KeyedAccess(CONFIG, (), ledger=tmp_path / "ledger.sqlite")
    assert opened.admit((), 0.0) == Grant()
    assert not granted(opened.admit((), 0.0)).admin
    assert not (tmp_path / "ledger.sqlite").exists()


def test_keys_whose_tokens_are_missing_do_not_open_the_gateway(tmp_path: Path) -> None:
    config = RouterConfig(models=MODELS, keys=(KeyEntry(name="alice", env="UNSET"),))
    opened = KeyedAccess(config, (), ledger=tmp_path / "l")
    assert refused(opened.admit((), 0.0)).status == 401


def test_a_right_key_is_known_and_a_wrong_one_never_repeated(tmp_path: Path) -> None:
    opened = KeyedAccess(
        CONFIG, [key("alice", tier="gold", admin=True), key("bob")], ledger=tmp_path / "l"
    )
    grant = granted(opened.admit(head("alice"), 0.0))
    assert (grant.key, grant.tier, grant.admin, grant.metered) == ("alice", "gold", True, False)
    assert opened.admit(head("alice"), 1.0) is grant  # made once
    assert granted(opened.admit(((b"x-api-key", b"wb-bob-secret"),), 0.0)).key == "bob"
    missing, wrong = refused(opened.admit((), 0.0)), refused(opened.admit(head("carol"), 0.0))
    assert (missing.status, wrong.status) == (401, 401)
    assert missing.kind == wrong.kind == "authentication_error"
    assert "carol" not in wrong.message


def test_a_key_may_use_its_models_and_no_others(tmp_path: Path) -> None:
    opened = KeyedAccess(CONFIG, [key("alice", models=("s",)), key("bob")], ledger=tmp_path / "l")
    alice, bob = (granted(opened.admit(head(name), 0.0)) for name in ("alice", "bob"))
    assert alice.models == frozenset({"small"})  # by its alias
    assert opened.may_use(alice, CHAT, ["large", "small"]) is None
    no = refused(opened.may_use(alice, CHAT, ["large"]))
    assert no.status == 403
    assert "large" not in no.message, "what else there is, is not alice's to know"
    assert no.message.endswith("Models it may use: small.")
    assert opened.may_use(bob, CHAT, ["large"]) is None


def test_rates_refuse_with_the_time_to_wait_and_survive_a_reload(tmp_path: Path) -> None:
    keys = [key("alice", rate=Rate(requests_per_minute=2, tokens_per_minute=1000))]
    opened = KeyedAccess(CONFIG, keys, ledger=tmp_path / "l")
    grant = granted(opened.admit(head("alice"), 10.0))
    granted(opened.admit(head("alice"), 10.0))
    opened.reload(CONFIG, keys)
    no = refused(opened.admit(head("alice"), 10.0))
    assert (no.status, no.kind) == (429, "rate_limit_error")
    assert no.retry_after_s == 30.0
    opened.count(grant, TokenUse(prompt=600, output=600), 10.0)
    granted(opened.admit(head("alice"), 41.0))
    assert opened.may_use(grant, CHAT, ["small"]) is None  # half a minute gave 500 back
    opened.count(grant, TokenUse(prompt=600, output=600), 41.0)
    tokens = refused(opened.may_use(grant, CHAT, ["small"]))
    assert (tokens.status, tokens.kind) == (429, "rate_limit_error")


def test_a_reload_adds_and_removes_keys(tmp_path: Path) -> None:
    opened = KeyedAccess(CONFIG, [key("alice")], ledger=tmp_path / "l")
    opened.reload(CONFIG, [key("bob")])
    assert refused(opened.admit(head("alice"), 0.0)).status == 401
    assert granted(opened.admit(head("bob"), 0.0)).key == "bob"
    opened.reload(CONFIG, [])
    assert opened.admit((), 0.0) == Grant()


def test_a_budget_makes_a_key_metered_and_is_enforced(tmp_path: Path) -> None:
    async def scenario() -> None:
        keys = [key("alice", budget=Budget(tokens=150)), key("bob")]
        async with access(keys, tmp_path) as opened:
            alice = granted(opened.admit(head("alice"), 0.0))
            assert alice.metered
            assert not granted(opened.admit(head("bob"), 0.0)).metered
            booking = await opened.reserve(alice, CHAT, "small")
            assert not isinstance(booking, Refusal)
            booking.settle("small", TokenUse(prompt=100, output=80))
            no = refused(await opened.reserve(alice, CHAT, "small"))
            assert (no.status, no.kind) == (429, "insufficient_quota")

    asyncio.run(scenario())


def test_a_budget_that_appears_on_reload_is_enforced(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with access([key("alice")], tmp_path) as opened:
            opened.reload(CONFIG, [key("alice", budget=Budget(tokens=0))])
            alice = granted(opened.admit(head("alice"), 0.0))
            assert alice.metered
            assert refused(await opened.reserve(alice, CHAT, "small")).status == 429

    asyncio.run(scenario())


def test_random_keys_leave_nothing_behind(tmp_path: Path) -> None:
    opened = KeyedAccess(CONFIG, [key("alice")], ledger=tmp_path / "l")

    def attack(count: int) -> None:
        for n in range(count):
            opened.admit(((b"authorization", b"Bearer wb-%d" % n),), float(n))

    attack(1000)
    if "coverage" in sys.modules:  # which allocates for itself
        return
    tracemalloc.start()
    attack(100)
    before = tracemalloc.get_traced_memory()[0]
    attack(20_000)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 10_000
