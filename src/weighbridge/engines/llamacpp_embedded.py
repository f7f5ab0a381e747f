"""llama.cpp without an installation: its HTTP server from the package xllamacpp, in a child."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from weighbridge.core.effects import EngineSpec
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import EndpointError, EngineError, InputError
from weighbridge.core.http import HttpClient, Request, Timeouts
from weighbridge.engines.adapter import Command, Plain, Wanted
from weighbridge.engines.child import Child
from weighbridge.facts.gguf import GgufHeader, read_gguf
from weighbridge.facts.gguf_keys import keys_of

NAME = "llamacpp-embedded"

_POLL_S = 0.02
# Every slot's cache is there from the start on: what models are trained for is often too much.
_USUAL_CONTEXT = 4096
_PROBE = Timeouts(connect=1, first_byte=2, between_bytes=2, total=3)


class EmbeddedLlamaCpp:
    """Launches llama.cpp servers, as :class:`weighbridge.core.effects.Launcher`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def launch(self, spec: EngineSpec, deadline_s: float = 60.0) -> RunningLlamaCpp:
        """Start a server for ``spec`` on a free loopback port and wait until it is healthy.

        Raises:
            InputError: there is no such file, or it is no whole GGUF file.
            EngineError: it cannot be started, died, or was not ready in time.
        """
        read_gguf(Path(spec.source))  # its errors are clearer than an engine's that gave up
        child = Child.start(
            sys.executable,
            "-m",
            "weighbridge.engines.llamacpp_child",
            str(os.getpid()),
            json.dumps(dataclasses.asdict(spec)),
        )
        try:
            async with asyncio.timeout(deadline_s):
                url = await _listening_address(child, spec)
                engine = RunningLlamaCpp(child, endpoint_at(url, spec.model), self._client)
                await engine.wait_until_healthy()
        except TimeoutError:
            await child.stop()
            raise EngineError(
                f"The engine for {spec.model} was not ready after {deadline_s:.0f} s.",
                fix="A large model may need longer; a smaller context or fewer slots start faster.",
            ) from None
        except BaseException:
            await child.stop()
            raise
        return engine


class Embedded(Plain):
    """The same server for the supervisor, under a guardian."""

    name = NAME

    def command(self, wanted: Wanted, port: int) -> Command:
        """Our own program; errors in the file are told before anything starts.

        Raises:
            InputError: there is no such file, or it is no whole GGUF file.
        """
        header = read_gguf(Path(wanted.source))
        context = wanted.context or usual_context(_trained(header, wanted.source))
        threads = threads_of(wanted.args)
        spec = EngineSpec(wanted.served, wanted.source, context, wanted.slots, threads)
        told = json.dumps(dataclasses.asdict(spec) | {"port": port})
        program = (sys.executable, "-m", "weighbridge.engines.llamacpp_child", "0", told)
        return Command(program, wanted.env)


def _trained(header: GgufHeader, name: str) -> int | None:
    """Tokens that a model was trained for, as its header tells; None where it does not.

    Raises:
        FormatError: it does not even name an architecture.
    """
    return keys_of(header, name).integer("context_length") or None


def usual_context(trained: int | None) -> int:
    """Tokens per slot where nobody says how many.

    >>> usual_context(1024), usual_context(131072)
    (1024, 4096)
    """
    return min(trained or _USUAL_CONTEXT, _USUAL_CONTEXT)


def threads_of(args: Sequence[str]) -> int:
    """CPU threads by ``--threads N``, the one argument that it knows; 0 for all cores.

    >>> threads_of(("--threads", "2")), threads_of(())
    (2, 0)

    Raises:
        InputError: there is another argument, or no such number.
    """
    if not args:
        return 0
    if len(args) != 2 or args[0] not in ("--threads", "-t") or not args[1].isdecimal():
        raise InputError(
            f"{NAME} does not know the arguments {' '.join(args)!r}.",
            fix="It knows one: --threads N. The engine llamacpp takes all of llama.cpp's.",
        )
    return int(args[1])


class RunningLlamaCpp:
    """One llama.cpp server process."""

    def __init__(self, child: Child, endpoint: Endpoint, client: HttpClient) -> None:
        self._child = child
        self._endpoint = endpoint
        self._client = client

    @property
    def endpoint(self) -> Endpoint:
        """Where the model answers."""
        return self._endpoint

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._child.pid

    def memory_bytes(self) -> int:
        """Resident memory of the server, now."""
        return self._child.memory_bytes()

    def is_alive(self) -> bool:
        """Whether the server still runs."""
        return self._child.is_alive()

    async def wait_until_healthy(self) -> None:
        """Poll ``/health`` until it says 200: before that the model is still loading.

        Raises:
            EngineError: the process died meanwhile.
        """
        health = Request("GET", dataclasses.replace(self._endpoint.base, path="/health"))
        while True:
            if not self.is_alive():
                raise _died(self._child, self._endpoint.model)
            try:
                response = await self._client.fetch(health, _PROBE)
            except EndpointError:
                pass  # not listening yet; the caller's deadline bounds this loop
            else:
                if response.head.status == 200:
                    return
            await asyncio.sleep(_POLL_S)

    async def describe(self) -> dict[str, str]:
        """Engine name, build and context per slot, as ``/props`` tells them."""
        props = Request("GET", dataclasses.replace(self._endpoint.base, path="/props"))
        response = await self._client.fetch(props, _PROBE)
        try:
            told = msgspec.json.decode(response.body)
            context = told["default_generation_settings"]["n_ctx"]
            return {"engine": NAME, "build": str(told["build_info"]), "context": str(context)}
        except (msgspec.DecodeError, KeyError, TypeError):
            return {"engine": NAME}

    async def stop(self) -> None:
        """End the server; returns when it is gone."""
        await self._child.stop()


async def _listening_address(child: Child, spec: EngineSpec) -> str:
    # The engine may print lines of its own before ours.
    while line := await child.next_line():
        try:
            told = msgspec.json.decode(line, type=dict[str, str])
        except msgspec.DecodeError:
            continue
        if "url" in told:
            return told["url"]
        if "extra" in told:
            raise EngineError(
                "The embedded engine is not installed.",
                fix="Install it with: pip install 'weighbridge[demo]'.",
            )
        raise EngineError(
            f"llama.cpp cannot serve {spec.source}: {_reason(child) or told.get('error')}.",
            fix="Is it a language model of a family that this llama.cpp knows?",
        )
    raise _died(child, spec.model)


def _died(child: Child, model: str) -> EngineError:
    reason = _reason(child)
    return EngineError(
        f"The engine for {model} ended while it started" + (f": {reason}." if reason else "."),
        fix="Is there memory enough for the model and its context?",
    )


def _reason(child: Child) -> str:
    """The first error that llama.cpp logged: later ones only follow from it."""
    log = child.log()
    logged = re.search(r"^\S+ E +\S+ +\S+ (.+)$", log, flags=re.MULTILINE)
    if logged:
        return logged[1].strip().rstrip(".")
    return log.strip().rpartition("\n")[2]
