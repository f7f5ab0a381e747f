"""The gateway's answers: OpenAI's endpoints in front of the configured models.

Bytes pass through untouched: of a request only ``model`` is read and rewritten, of a reply nothing.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from weighbridge.core.effects import RunningEngine
from weighbridge.core.errors import ConnectError, DeadlineError, EndpointError
from weighbridge.core.gateway import Choice
from weighbridge.core.http import HttpClient, Request, Timeouts
from weighbridge.core.routing import AUTO, RouterConfig
from weighbridge.engines.openai import AttachedServer
from weighbridge.serve import hops
from weighbridge.serve.policy import choose
from weighbridge.serve.relay import Relay
from weighbridge.serve.supervisor import Tell
from weighbridge.wire.server import Responder, ServerRequest

_PATHS = ("/v1/chat/completions", "/v1/completions")
# An answer may take as long as it likes if it goes on: only silence ends it. One that is not
# streamed is silent until it is complete.
_TIMEOUTS = Timeouts(first_byte=600.0, total=math.inf)
# A process that was killed closes its connections an instant before it counts as ended.
_DYING_S = 0.1


class _Message(msgspec.Struct):
    role: str = ""
    content: Any = None


class _Asked(msgspec.Struct):
    """The parts of a request that routing reads."""

    model: str = AUTO
    messages: list[_Message] = []
    prompt: Any = None


class Gateway:
    """Answers requests with the configured models; its :meth:`handle` is the server's handler."""

    def __init__(
        self,
        config: RouterConfig,
        models: Mapping[str, RunningEngine],
        client: HttpClient,
        tell: Tell,
    ) -> None:
        self._config = config
        self._models = models
        self._client = client
        self._tell = tell
        self._own = secrets.token_hex(8).encode()

    async def handle(self, request: ServerRequest, responder: Responder) -> None:
        """Answer one request."""
        match request.method, request.path:
            case "GET" | "HEAD", "/health":
                self._health(responder)
            case "GET", "/v1/models":
                responder.json(200, self._list())
            case "POST", path if path in _PATHS:
                await self._complete(request, responder)
            case _, path if path in {*_PATHS, "/health", "/v1/models"}:
                responder.error(405, f"{path} does not take {request.method}.", "invalid_request")
            case _:
                known = ", ".join((*_PATHS, "/v1/models", "/health"))
                responder.error(404, f"There is no {request.path}; try {known}.", "not_found")

    def _health(self, responder: Responder) -> None:
        ended = [name for name, engine in self._models.items() if not engine.is_alive()]
        if ended:
            responder.json(503, {"status": "engines have ended", "models": ended})
        else:
            responder.json(200, {"status": "ok"})

    def _list(self) -> dict[str, Any]:
        names = [*self._models, AUTO]
        rows = [{"id": name, "object": "model", "owned_by": "weighbridge"} for name in names]
        return {"object": "list", "data": rows}

    async def _complete(self, request: ServerRequest, responder: Responder) -> None:
        loop = hops.loop(request.headers, self._own)
        if loop is not None:
            self._tell(f"{request.path}: {loop}")
            responder.error(508, loop, "loop_detected")
            return
        try:
            asked = msgspec.json.decode(request.body, type=_Asked)
            fields = msgspec.json.decode(request.body, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            why = "it is nested too deeply" if isinstance(error, RecursionError) else error
            responder.error(400, f"The request is not a chat request: {why}.", "invalid_request")
            return
        choice = choose(self._config, asked.model, _last_user_text(asked))
        if choice.use:
            await self._try_in_order(request, fields, choice, responder)
        elif asked.model == AUTO:
            responder.error(404, self._no_route(choice), "no_route")
        else:
            known = ", ".join([*self._models, AUTO])
            message = f"There is no model {asked.model!r}; there are: {known}."
            responder.error(404, message, "model_not_found")

    def _no_route(self, choice: Choice) -> str:
        task = "not recognised" if choice.task is None else choice.task
        return (
            f"No route applies to this request; its task is {task}. End `routes` with one that has "
            f"no condition, or ask for a model by name: {', '.join(self._models)}."
        )

    async def _try_in_order(
        self,
        request: ServerRequest,
        fields: dict[str, msgspec.Raw],
        choice: Choice,
        responder: Responder,
    ) -> None:
        """Use the first model that can be reached; once bytes have been relayed, no other."""
        failures: list[str] = []
        for name in choice.use:
            engine = self._models[name]
            if not engine.is_alive():  # whoever listens at its address now is not our engine
                failures.append(_ended(name))
                continue
            relay = Relay(responder, name, choice)
            try:
                upstream = self._upstream(request, fields, engine)
                exchange = await self._client.start(upstream, relay, _TIMEOUTS)
                relay.attach(exchange)
                await exchange.finished()
            except EndpointError as error:
                if responder.ended:  # the client has left: nobody waits for an answer
                    return
                if relay.started:
                    responder.abort()  # the client must see that the answer is cut
                failures.append(await _reason(name, engine, error))
                if relay.started:
                    self._tell(f"{request.path}: an answer was cut. {failures[-1]}")
                    return
                if isinstance(error, ConnectError):
                    continue
                break
            responder.finish()
            return
        message = f"No model could answer. {' '.join(failures)}"
        self._tell(f"{request.path}: {message}")
        responder.error(502, message, "upstream_error")

    def _upstream(
        self, request: ServerRequest, fields: dict[str, msgspec.Raw], engine: RunningEngine
    ) -> Request:
        """The request as the model's server gets it: every field as it came, but its own name.

        Of the client's headers none goes on: its Authorization is for us, not for that server.
        """
        endpoint = engine.endpoint
        fields["model"] = msgspec.Raw(msgspec.json.encode(endpoint.model))
        headers = endpoint.headers + hops.onward(request.headers, self._own)
        url = endpoint.base.join(request.path.removeprefix("/v1/"))
        return Request("POST", url, headers, msgspec.json.encode(fields))


async def starting(request: ServerRequest, responder: Responder) -> None:
    """Answers in place of a gateway whose engines are still starting."""
    if request.path == "/health":
        responder.json(503, {"status": "starting"})
    else:
        responder.error(503, "The engines are still starting; ask again soon.", "starting")


async def _reason(name: str, engine: RunningEngine, error: EndpointError) -> str:
    """Why a model did not answer: rather the end of its engine than what followed from that."""
    if not isinstance(engine, AttachedServer) and not isinstance(error, DeadlineError):
        for _ in range(10):
            if not engine.is_alive():
                break
            await asyncio.sleep(_DYING_S / 10)
    return f"{name}: {error}" if engine.is_alive() else _ended(name)


def _ended(name: str) -> str:
    return f"The engine for {name} has ended."


def _last_user_text(asked: _Asked) -> str:
    """The text of the last user message, or the prompt of a plain completion."""
    for message in reversed(asked.messages):
        if message.role == "user":
            return _text(message.content)
    return asked.prompt if isinstance(asked.prompt, str) else ""


def _text(content: Any) -> str:  # noqa: ANN401 -- a string, or a list of typed parts
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, dict))
    return " ".join(part for part in parts if isinstance(part, str))
