"""A storm: many faults of all kinds at once, drawn from a seed, and what has to be true of each."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import psutil

from tests.faults.client import Conduct, Seen, request
from tests.faults.client import ask as send
from tests.faults.gateway import Gateway
from tests.faults.judge import fault_of
from tests.faults.real import Truth, real_fault
from tests.faults.script import BEFORE, HARMLESS, WITHIN, Ask, Kind

SICK = tuple(f"sick{number}" for number in range(6))
LONE = ("lone0", "lone1")
SERVERS = (*SICK, *LONE, "well", "narrow")
FALLBACKS: Mapping[str, Sequence[str]] = dict.fromkeys(SICK, ("well",))
_ENGINE = "context: 512, slots: 2, preload: true, cold_start: 10s"
_MODELS = """
  tally: {{engine: llamacpp-embedded, source: {models}/tally-f16.gguf, {engine}}}
  porter: {{engine: llamacpp-embedded, source: {models}/porter-q8_0.gguf, {engine}}}
routes:
  - {{use: [sick0, well]}}
fallbacks: {{tally: [porter], {fallbacks}}}
limits: {{first_byte: 1.5, between_bytes: 1.5, read: 2, queue_wait: 20s, drain: 5, connect: 2}}
"""


def config(models: Path, urls: Mapping[str, str]) -> str:
    """Servers that fail when they are told to, with and without a fallback, and real engines."""
    lines = [
        f'  {name}: {{url: "{url}"{", max_concurrency: 1" if name == "narrow" else ""}}}'
        for name, url in urls.items()
    ]
    fallbacks = ", ".join(f"{name}: [{', '.join(then)}]" for name, then in FALLBACKS.items())
    engines = _MODELS.format(models=models, engine=_ENGINE, fallbacks=fallbacks)
    return "models:\n" + "\n".join(lines) + engines


NONSENSE = (b"", b"\x16\x03\x01\x00", b"GET\r\n\r\n", b"POST /v1/chat/completions HTTP/9.9\r\n\r\n")
_BODIES = (b"{", b"[]", b'{"model": 5}', b'{"model": "\xff"}', b"null", b'{"model": "no-such"}')
_BROKEN_CONFIGS = (
    "models: {sick: {url: 5}}",
    "models: [",
    "",
    "modles: {}",
    "models: {x: {url: 'http://127.0.0.1:1/v1'}}\nroutes: [{use: [y]}]",
)
_KILLS: tuple[tuple[str, signal.Signals], ...] = (
    ("kill", signal.SIGKILL),
    ("freeze", signal.SIGSTOP),
)

What = Literal[
    "calm",
    "chaos",
    "client",
    "queue",
    "nonsense",
    "body",
    "kill",
    "freeze",
    "real",
    "broken",
    "reload",
]
# Of a hundred faults, how many are of which kind.
SHARES: Mapping[What, int] = {
    "chaos": 50,
    "client": 18,
    "queue": 6,
    "nonsense": 5,
    "body": 5,
    "real": 8,
    "kill": 3,
    "freeze": 1,
    "broken": 2,
    "reload": 2,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        what: which kind.
        ask: the request that is sent meanwhile, if any.
        conduct: what its client does.
        pick: draws the rest: which nonsense, which engine, when.
    """

    what: What
    ask: Ask
    conduct: Conduct = "stay"
    pick: int = 0


def plan(seed: int, count: int) -> list[Fault]:
    """So many faults, the same ones for the same seed; rare kinds come in any storm."""
    draw = random.Random(seed)  # noqa: S311 -- nothing secret
    kinds = [*SHARES, *draw.choices(list(SHARES), list(SHARES.values()), k=count)][:count]
    draw.shuffle(kinds)
    return [_fault(draw, number, what) for number, what in enumerate(kinds)]


def _fault(draw: random.Random, number: int, what: What) -> Fault:
    stream = draw.random() < 0.6
    chunks = draw.choice((1, 3, 12, 40))
    conduct: Conduct = "stay"
    model, troubles = draw.choice(SICK), dict[str, Kind]()
    gap_s = draw.choice((0.0, 0.0, 0.004))
    if what == "chaos":
        model = draw.choice((*SICK, *LONE))
        troubles[model] = draw.choice(draw.choice((BEFORE, WITHIN, HARMLESS)))
    elif what == "client":
        choices: tuple[Conduct, ...] = (
            *("leave_at_once", "leave_midway", "reset_midway", "leave_half_asked"),
            *("half_close", "read_late", "dribble"),
        )
        conduct, gap_s, chunks = draw.choice(choices), 0.01, draw.choice((12, 60))
        model = draw.choice((*SICK, "well"))
    elif what == "queue":
        model, conduct = "narrow", draw.choice(("stay", "leave_at_once", "leave_midway"))
        gap_s = 0.01
    ask = Ask(number, model, stream, chunks, gap_s, draw.choice((0.1, 0.5, 0.9)), troubles)
    return Fault(what, ask, conduct, draw.randrange(2**16))


@dataclass
class Storm:
    """A storm under way, over one gateway.

    Attributes:
        over: the gateway.
        truth: what the real engines say.
        complaints: what was wrong.
        outcomes: how often what happened.
    """

    over: Gateway
    truth: Truth
    complaints: list[str] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)

    async def rage(self, faults: Sequence[Fault], *, at_once: int = 8) -> None:
        """All of them, so many at a time."""
        waiting = iter(faults)

        async def work() -> None:
            for fault in waiting:
                # An answer in between keeps a server from being left out for its failures.
                await self._one(Fault("calm", replace(fault.ask, troubles={}, gap_s=0.0)))
                await self._one(fault)

        await asyncio.gather(*(work() for _ in range(at_once)))

    async def _one(self, fault: Fault) -> None:
        try:
            complaint = await self._do(fault)
        except OSError as error:
            complaint = f"the gateway cannot be reached: {error}"
        if complaint:
            self.complaints.append(f"{fault}: {complaint}")

    async def _do(self, fault: Fault) -> str:
        match fault.what:
            case "nonsense":
                return await self._nonsense(NONSENSE[fault.pick % len(NONSENSE)])
            case "body":
                return await self._refused(_BODIES[fault.pick % len(_BODIES)])
            case "real":
                return await self._real(fault)
            case "kill" | "freeze":
                self._strike(fault)
                return await self._real(fault)
            case "broken" | "reload":
                return await self._reload(fault)
            case _:
                seen = await self.over.chat(fault.ask.payload(), fault.conduct)
                self._count(fault.what, seen)
                return fault_of(fault.ask, fault.conduct, seen, FALLBACKS)

    def _count(self, what: str, seen: Seen) -> None:
        end = "left" if not seen.status else f"{seen.status}{'' if seen.complete else ' cut'}"
        name = f"{what} {end}"
        self.outcomes[name] = self.outcomes.get(name, 0) + 1

    async def _nonsense(self, raw: bytes) -> str:
        seen = await send(self.over.port, raw or b"\r\n\r\n\r\n", patience_s=10)
        self._count("nonsense", seen)
        return "" if seen.status in (0, 400, 408, 505) else f"nonsense was answered: {seen}"

    async def _refused(self, body: bytes) -> str:
        seen = await self.over.chat(body)
        self._count("body", seen)
        is_right = seen.complete and seen.status in (400, 404) and b'"message"' in seen.body
        return "" if is_right else f"{body!r} was answered: {seen}"

    async def _real(self, fault: Fault) -> str:
        model = ("tally", "porter")[fault.pick % 2]
        body = self.truth.body(model, fault.pick, stream=fault.ask.stream)
        seen = await send(self.over.port, request(self.over.port, body), patience_s=60)
        self._count(fault.what, seen)
        return real_fault(self.truth, fault.pick, seen)

    def _strike(self, fault: Fault) -> None:
        """An engine dies or stands still, as it is."""
        model = ("tally", "porter")[fault.pick // 2 % 2]
        for process in self.over.engines(model):
            with suppress(psutil.Error):
                process.send_signal(dict(_KILLS)[fault.what])

    async def _reload(self, fault: Fault) -> str:
        """What is wrong must change nothing, what is right neither, where it says the same."""
        right = self.over.config.read_text() if self._right is None else self._right
        self._right = right
        broken = _BROKEN_CONFIGS[fault.pick % len(_BROKEN_CONFIGS)]
        text = broken if fault.what == "broken" else f"{right}\n# {fault.ask.number}\n"
        self.over.config.write_text(text)
        self.over.send_signal(signal.SIGHUP)
        await asyncio.sleep(0.3)
        seen = await self.over.chat(fault.ask.payload())
        self._count(fault.what, seen)
        self.over.config.write_text(right)
        self.over.send_signal(signal.SIGHUP)
        return fault_of(fault.ask, "stay", seen, FALLBACKS)

    _right: str | None = None
