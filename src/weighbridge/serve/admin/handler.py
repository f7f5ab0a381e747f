"""What an administrator asks over HTTP: the gateway's state, engines started and stopped, a reload.

The same handler serves a port of its own on loopback (:func:`on_loopback`) and, for keys that may,
the paths under ``/admin/`` of the main one (:func:`with_admin_key`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, unquote

from weighbridge.core.errors import BusyError, ConfigError, WeighbridgeError
from weighbridge.core.gateway import GatewayView, Grant, ModelView, Refusal
from weighbridge.core.gateway_admin import (
    ACTIONS,
    Action,
    ActionAnswer,
    ReloadAnswer,
    is_action,
    nearest_model,
)
from weighbridge.core.http import Headers
from weighbridge.serve.admin.page import HEADERS, HINT, page, wants_page
from weighbridge.serve.guard import refusal
from weighbridge.serve.seams import Control, TurnAway
from weighbridge.wire.responder import error_body
from weighbridge.wire.server import Handler, Responder, ServerRequest

Admit = Callable[[ServerRequest], Refusal | None]
"""Says why a request may not administrate; None lets it in."""

PREFIX = "/admin/"
WAIT_S = 2.0
"""How long an action is waited for before the answer is 202, where nothing else is asked for."""
MOST_WAIT_S = 600.0

_MODELS = "/admin/models/"
_METHODS = {
    "/admin/state": ("GET", "HEAD"),
    "/metrics": ("GET", "HEAD"),
    "/health": ("GET", "HEAD"),
    "/admin/reload": ("POST",),
}
_WWW = (b"www-authenticate", b"Bearer")
_DONE: dict[Action, str] = {
    "start": "{model} is ready.",
    "stop": "{model} is stopped.",
    "sleep": "{model} sleeps, or is stopped where its engine cannot sleep.",
}
_UNDER_WAY: dict[Action, str] = {
    "start": "{model} is being started; its state tells when it is ready.",
    "stop": "{model} is stopped once its answers under way are complete.",
    "sleep": "{model} is put to sleep once its answers under way are complete.",
}


async def _look_at_nothing() -> None:
    """All is known already."""


def admin_handler(
    control: Control,
    view: Callable[[], GatewayView],
    reload: Callable[[], Awaitable[None]],
    metrics: Callable[[], bytes],
    admit: Admit,
    *,
    tell: Callable[[str], None] = lambda _: None,
    look: Callable[[], Awaitable[None]] = _look_at_nothing,
    turn_away: TurnAway | None = None,
) -> Handler:
    """The handler of ``/admin/state``, ``/admin/models/NAME/ACTION``, ``/admin/reload`` and more.

    Args:
        control: starts and stops engines.
        view: the gateway at this moment.
        reload: reads the configuration anew; raises what is wrong with it and then changes nothing.
        metrics: the text of ``/metrics``.
        admit: who may ask.
        tell: is told of an action that failed after its request had been answered with 202.
        look: awaited before ``view`` and ``metrics``: looks up what they tell without waiting.
        turn_away: refuses whoever may not ask, so that it is logged and counted; None where nobody
            keeps count.
    """
    handler = Admin(
        control, view, reload, metrics, admit, tell=tell, look=look, turn_away=turn_away
    )
    return handler.handle


def on_loopback(port: int) -> Admit:
    """Lets in this machine's own programs, and no page that a browser shows.

    Unlike the models' own paths these are not for pages of this machine either: ``weigh ui`` asks
    for its pages.
    """

    def admit(request: ServerRequest) -> Refusal | None:
        refused = refusal(request.headers, port)
        if refused is not None:
            return Refusal(*refused, "forbidden")
        if request.header(b"origin") or request.header(b"sec-fetch-site") not in (b"", b"none"):
            message = "Pages in a browser may not administrate the gateway; `weigh ui` shows it."
            return Refusal(403, message, "forbidden")
        return None

    return admit


def with_admin_key(
    who: Callable[[Headers], Grant | Refusal],
) -> Admit:
    """Lets in who shows a key that may administrate; ``who`` is ``Access.who``."""

    def admit(request: ServerRequest) -> Refusal | None:
        grant = who(request.headers)
        if isinstance(grant, Refusal):
            return grant
        if grant.admin:
            return None
        message = "This key may not administrate. Ask with one that has `admin: true`."
        return Refusal(403, message, "forbidden")

    return admit


class Admin:
    """Answers admin requests; see :func:`admin_handler`."""

    def __init__(
        self,
        control: Control,
        view: Callable[[], GatewayView],
        reload: Callable[[], Awaitable[None]],
        metrics: Callable[[], bytes],
        admit: Admit,
        *,
        tell: Callable[[str], None],
        look: Callable[[], Awaitable[None]],
        turn_away: TurnAway | None,
    ) -> None:
        self._acts = {"start": control.start, "stop": control.stop, "sleep": control.sleep}
        self._view = view
        self._reload = reload
        self._metrics = metrics
        self._admit = admit
        self._tell = tell
        self._look = look
        self._turn_away = turn_away
        self._under_way: dict[tuple[str, Action], asyncio.Task[None]] = {}

    async def handle(self, request: ServerRequest, responder: Responder) -> None:
        """Answer one request."""
        refused = self._admit(request)
        if refused is not None:
            self._refuse(request, responder, refused)
            return
        path = request.path
        allowed = ("POST",) if path.startswith(_MODELS) else _METHODS.get(path)
        if allowed is None:
            _lost(request, responder)
        elif request.method not in allowed:
            message = f"{path} takes {' or '.join(allowed)}, not {request.method}."
            _send_error(responder, 405, message, (b"allow", ", ".join(allowed).encode()))
        elif path.startswith(_MODELS):
            await self._act(request, responder)
        else:
            await self._answer(path, responder)

    def _refuse(self, request: ServerRequest, responder: Responder, refused: Refusal) -> None:
        if self._turn_away is None:
            _refuse(responder, refused)
            return
        known = (_WWW,) if refused.status == 401 else ()
        self._turn_away(request, responder, refused, headers=known)

    async def _answer(self, path: str, responder: Responder) -> None:
        match path:
            case "/admin/state":
                await self._look()
                responder.json(200, self._view())
            case "/metrics":
                await self._look()
                kind = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
                responder.send(200, (kind,), self._metrics())
            case "/admin/reload":
                await self._read_anew(responder)
            case _:
                responder.json(200, {"status": "ok"})

    async def _read_anew(self, responder: Responder) -> None:
        try:
            await self._reload()
        except ConfigError as error:
            message = f"{error} The configuration in use stays."
            responder.error(409, message, "configuration_error")
        except WeighbridgeError as error:
            responder.error(502, str(error), "reload_failed")
        else:
            responder.json(200, ReloadAnswer("The configuration was read anew and is in use."))

    async def _act(self, request: ServerRequest, responder: Responder) -> None:
        try:
            name, action = _asked(request.path)
            wait_s = _wait_s(request.query)
        except ValueError as error:
            responder.error(400, str(error), "invalid_request")
            return
        model = self._model(name)
        if model is None:
            responder.error(404, self._unknown(name), "model_not_found")
            return
        if not model.is_ours:
            message = (
                f"{name} is a server that somebody else runs: the gateway neither starts nor stops "
                "it. Do that where it runs."
            )
            responder.error(409, message, "not_ours")
            return
        task = self._begin(name, action)
        await asyncio.wait((task,), timeout=wait_s)
        self._report(name, action, task, responder)

    def _begin(self, name: str, action: Action) -> asyncio.Task[None]:
        """The task of an action; who asks for the same again waits for the same.

        It goes on when nobody waits any more: engines take longer to start than clients wait.
        """
        key = (name, action)
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.ensure_future(self._acts[action](name))
            self._under_way[key] = task
            task.add_done_callback(lambda ended: self._ended(key, ended))
        return task

    def _ended(self, key: tuple[str, Action], task: asyncio.Task[None]) -> None:
        self._under_way.pop(key, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tell(f"Could not {key[1]} {key[0]}: {error}")

    def _report(
        self, name: str, action: Action, task: asyncio.Task[None], responder: Responder
    ) -> None:
        done = task.done()
        if done and not task.cancelled():
            error = task.exception()
            if isinstance(error, WeighbridgeError):
                busy = isinstance(error, BusyError)
                responder.error(503 if busy else 502, str(error), "busy" if busy else "engine")
                return
            if error is not None:
                raise error
        model = self._model(name)
        if model is None or task.cancelled():
            message = f"The gateway stopped before it could {action} {name}."
            responder.error(503, message, "shutting_down")
            return
        words = (_DONE if done else _UNDER_WAY)[action].format(model=name)
        responder.json(200 if done else 202, ActionAnswer(action, model, done, words))

    def _model(self, name: str) -> ModelView | None:
        return next((one for one in self._view().models if one.model == name), None)

    def _unknown(self, name: str) -> str:
        view = self._view()
        near = nearest_model(view, name)
        there = ", ".join(one.model for one in view.models)
        hint = f"Did you mean {near!r}?" if near else f"There are: {there}."
        return f"There is no model {name!r}. {hint}"


def _lost(request: ServerRequest, responder: Responder) -> None:
    """Nothing is here: people who expected the live page are told where it is."""
    if request.method == "GET" and wants_page(request.header(b"accept")):
        address = f"http://{request.header(b'host').decode('latin-1')}"
        responder.send(200 if request.path == "/" else 404, HEADERS, page(address))
        return
    known = ", ".join((*_METHODS, f"{_MODELS}NAME/{'|'.join(ACTIONS)}"))
    message = f"There is no {request.path} here; try {known}. {HINT}"
    responder.error(404, message, "not_found")


def _asked(path: str) -> tuple[str, Action]:
    """Model and action of a path; a name may hold slashes, encoded or not."""
    written, _, action = path.removeprefix(_MODELS).rpartition("/")
    if not is_action(action) or not written:
        message = f"{path} names no action; ask for {_MODELS}NAME/{'|'.join(ACTIONS)}."
        raise ValueError(message)
    try:
        return unquote(written, errors="strict"), action
    except UnicodeDecodeError:
        message = "The model's name in the path is not percent-encoded UTF-8."
        raise ValueError(message) from None


def _wait_s(query: bytes) -> float:
    """How long the client wants to wait, by ``?wait=SECONDS``."""
    values = parse_qs(query.decode("latin-1")).get("wait")
    if not values:
        return WAIT_S
    try:
        seconds = float(values[-1])
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MOST_WAIT_S:
        message = f"`wait` is a number of seconds from 0 to {MOST_WAIT_S:.0f}, not {values[-1]!r}."
        raise ValueError(message)
    return seconds


def _refuse(responder: Responder, refused: Refusal) -> None:
    body = error_body(refused.message, refused.kind)
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]
    if refused.status == 401:
        headers.append(_WWW)
    if refused.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % math.ceil(refused.retry_after_s)))
    responder.send(refused.status, tuple(headers), body)


def _send_error(
    responder: Responder, status: int, message: str, header: tuple[bytes, bytes]
) -> None:
    headers = ((b"content-type", b"application/json"), header)
    responder.send(status, headers, error_body(message, "invalid_request"))
