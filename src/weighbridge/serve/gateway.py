"""The gateway's answers: OpenAI's endpoints in front of the configured models.

Bytes pass through untouched: of a request only ``model`` is read and rewritten, of a reply nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import ConnectError, EndpointError
from weighbridge.core.http import HttpClient, Request, Timeouts
from weighbridge.core.routing import RouterConfig
from weighbridge.serve.policy import AUTO, Choice, choose
from weighbridge.serve.relay import Relay
from weighbridge.wire.server import Responder, ServerRequest

_PATHS = ("/v1/chat/completions", "/v1/completions")


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
        self, config: RouterConfig, endpoints: Mapping[str, Endpoint], client: HttpClient
    ) -> None:
        self._config = config
        self._endpoints = endpoints
        self._client = client
        self._timeouts = Timeouts()

    async def handle(self, request: ServerRequest, responder: Responder) -> None:
        """Answer one request."""
        match request.method, request.path:
            case "GET" | "HEAD", "/health":
                responder.json(200, {"status": "ok"})
            case "GET", "/v1/models":
                responder.json(200, self._models())
            case "POST", path if path in _PATHS:
                await self._complete(request, responder)
            case _, path if path in {*_PATHS, "/health", "/v1/models"}:
                responder.error(405, f"{path} does not take {request.method}.", "invalid_request")
            case _:
                known = ", ".join((*_PATHS, "/v1/models", "/health"))
                responder.error(404, f"There is no {request.path}; try {known}.", "not_found")

    def _models(self) -> dict[str, Any]:
        names = [*self._endpoints, AUTO]
        rows = [{"id": name, "object": "model", "owned_by": "weighbridge"} for name in names]
        return {"object": "list", "data": rows}

    async def _complete(self, request: ServerRequest, responder: Responder) -> None:
        try:
            asked = msgspec.json.decode(request.body, type=_Asked)
            fields = msgspec.json.decode(request.body, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            responder.error(400, f"The request is not a chat request: {error}.", "invalid_request")
            return
        choice = choose(self._config, asked.model, _last_user_text(asked))
        if not choice.use:
            known = ", ".join([*self._endpoints, AUTO])
            responder.error(
                404, f"There is no model {asked.model!r}; there are: {known}.", "model_not_found"
            )
            return
        await self._try_in_order(request, fields, choice, responder)

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
            endpoint = self._endpoints[name]
            relay = Relay(responder, name, choice)
            upstream = _upstream(request, fields, endpoint)
            try:
                exchange = await self._client.start(upstream, relay, self._timeouts)
                relay.attach(exchange)
                await exchange.finished()
            except EndpointError as error:
                if responder.ended:  # the client has left: nobody waits for an answer
                    return
                if relay.started:
                    responder.abort()  # the client must see that the answer is cut
                    return
                failures.append(f"{name}: {error}")
                if isinstance(error, ConnectError):
                    continue
                break
            responder.finish()
            return
        responder.error(502, f"No model could answer. {' '.join(failures)}", "upstream_error")


def _upstream(
    request: ServerRequest, fields: dict[str, msgspec.Raw], endpoint: Endpoint
) -> Request:
    """The request as the model's server gets it: every field as it came, but its own name."""
    fields["model"] = msgspec.Raw(msgspec.json.encode(endpoint.model))
    path = request.path.removeprefix("/v1/")
    return Request("POST", endpoint.base.join(path), endpoint.headers, msgspec.json.encode(fields))


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
