"""What the gateway answers itself: health, readiness, its models, its metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.gateway import Grant, ModelView, Refusal
from weighbridge.core.routing import AUTO, RouterConfig
from weighbridge.serve.observing.exposition import CONTENT_TYPE
from weighbridge.serve.seams import Access, TurnAway
from weighbridge.wire.responder import Responder, ServerRequest
from weighbridge.wire.server import Handler

OWNER: Final = "weighbridge"
MODELS: Final = "/v1/models"
_FAILED: Final = "failed; the gateway's log says why"


def health(responder: Responder, views: Mapping[str, ModelView]) -> None:
    """200 while the gateway can answer at all; which models have failed is told beside.

    Anybody may ask, so that why they failed is told only to whoever runs the gateway.
    """
    failed = {name: _FAILED for name, view in views.items() if view.state == "failed"}
    if not failed:
        responder.json(200, {"status": "ok"})
    elif len(failed) < len(views):
        responder.json(200, {"status": "some models have failed", "models": failed})
    else:
        responder.json(503, {"status": "every model has failed", "models": failed})


def readiness(responder: Responder, views: Mapping[str, ModelView], *, draining: bool) -> None:
    """200 once what is preloaded has been ready, and until the gateway ends.

    What stops after that, because it idles or makes room, is started again by the next request for
    it: a load balancer that stayed away meanwhile would keep it stopped for ever.
    """
    states = {name: view.state for name, view in views.items()}
    waits = [name for name, view in views.items() if view.awaited]
    if draining:
        responder.json(503, {"status": "draining"})
    elif waits or not views:
        responder.json(503, {"status": "starting", "waits_for": waits, "models": states})
    elif all(state == "failed" for state in states.values()):
        responder.json(503, {"status": "every model has failed", "models": states})
    else:
        responder.json(200, {"status": "ready", "models": states})


def model_list(
    config: RouterConfig, views: Mapping[str, ModelView], grant: Grant
) -> dict[str, Any]:
    """``/v1/models``: what the key may use, and what each can do as far as that is known."""
    rows = [
        model_card(name, config, views)
        for name in config.models
        if grant.models is None or name in grant.models
    ]
    if config.routes:
        rows.append({"id": AUTO, "object": "model", "created": 0, "owned_by": OWNER})
    return {"object": "list", "data": rows}


def model_card(name: str, config: RouterConfig, views: Mapping[str, ModelView]) -> dict[str, Any]:
    """One model: OpenAI's fields, then ours."""
    entry, view = config.models[name], views.get(name)
    card: dict[str, Any] = {"id": name, "object": "model", "created": 0, "owned_by": OWNER}
    card["can"] = ["chat", *entry.can]
    if entry.context is not None:
        card["context_length"] = entry.context
    if entry.aliases:
        card["aliases"] = list(entry.aliases)
    if view is not None:
        card["state"] = view.state
    return card


class Answers:
    """The handlers of these paths, over what is true now.

    Args:
        config: the configuration in use.
        views: every model.
        access: who may ask.
        metrics: the text of ``/metrics``.
        turn_away: refuses a request, and lets everybody know who keeps count.

    Attributes:
        config: may be replaced.
        draining: whether the gateway is about to end.
    """

    def __init__(
        self,
        config: RouterConfig,
        *,
        views: Callable[[], Mapping[str, ModelView]],
        access: Access,
        metrics: Callable[[], Awaitable[bytes]],
        turn_away: TurnAway,
    ) -> None:
        self.config = config
        self.draining = False
        self._views = views
        self._access = access
        self._metrics = metrics
        self._turn_away = turn_away

    def handlers(self) -> dict[str, Handler]:
        """By path; one that ends in a slash answers for everything below it."""
        return {
            MODELS: self._models,
            f"{MODELS}/": self._model,
            "/health": self._health,
            "/ready": self._ready,
            "/metrics": self._metrics_text,
        }

    async def _health(self, request: ServerRequest, responder: Responder) -> None:
        if self._reads(request, responder):
            health(responder, self._views())

    async def _ready(self, request: ServerRequest, responder: Responder) -> None:
        if self._reads(request, responder):
            readiness(responder, self._views(), draining=self.draining)

    async def _models(self, request: ServerRequest, responder: Responder) -> None:
        grant = self._granted(request, responder)
        if grant is not None:
            responder.json(200, model_list(self.config, self._views(), grant))

    async def _model(self, request: ServerRequest, responder: Responder) -> None:
        grant = self._granted(request, responder)
        if grant is None:
            return
        name = request.path.removeprefix(f"{MODELS}/")
        found = next(
            (row for row in model_list(self.config, self._views(), grant)["data"]
             if name == row["id"] or name in row.get("aliases", ())),
            None,
        )  # fmt: skip
        if found is not None:
            responder.json(200, found)
        else:
            message = f"There is no model {name!r}; GET {MODELS} lists them."
            refusal = Refusal(404, message, "model_not_found")
            self._turn_away(request, responder, refusal, grant)

    async def _metrics_text(self, request: ServerRequest, responder: Responder) -> None:
        grant = self._granted(request, responder)
        if grant is None:
            return
        if grant.key and not grant.admin:
            message = f"Key {grant.key} may not see metrics; use an admin key, or the admin port."
            refusal = Refusal(403, message, "permission_error")
            self._turn_away(request, responder, refusal, grant)
            return
        try:
            text = await self._metrics()
        except WeighbridgeError as error:
            refusal = Refusal(503, str(error), "unavailable")
            self._turn_away(request, responder, refusal, grant)
        else:
            responder.send(200, ((b"content-type", CONTENT_TYPE.encode()),), text)

    def _granted(self, request: ServerRequest, responder: Responder) -> Grant | None:
        """Whose key it is. Rates are about models: looking at lists and figures uses none up."""
        if not self._reads(request, responder):
            return None
        grant = self._access.who(request.headers)
        if isinstance(grant, Refusal):
            self._turn_away(request, responder, grant)
            return None
        return grant

    def _reads(self, request: ServerRequest, responder: Responder) -> bool:
        if request.method in ("GET", "HEAD"):
            return True
        message = f"{request.path} does not take {request.method}; send a GET."
        refusal = Refusal(405, message, "invalid_request_error")
        self._turn_away(request, responder, refusal, headers=((b"allow", b"GET, HEAD"),))
        return False
