"""The routes that show a running gateway, and pass on what its buttons ask.

Browsers talk to these pages only: the gateway's admin port refuses them.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from weighbridge.core.errors import EndpointError, InputError, StatusError, WeighbridgeError
from weighbridge.core.gateway import GatewayView
from weighbridge.core.gateway_admin import is_action
from weighbridge.report.gateway_page import (
    HISTORY_S,
    Moment,
    gateway_page,
    moment_of,
    no_gateway_page,
    silent_page,
)
from weighbridge.verbs import gateway_state as verb
from weighbridge.wire.client import Client

# An engine may take minutes to start: the page watches its state instead of waiting.
_WAIT_S = 1.0
_NONE = "No gateway runs here; start one with `weigh serve`."


class GatewayPages:
    """The routes under ``/gateway``.

    Args:
        root: the workspace, in which a gateway announces itself.
        url: the admin port of the gateway to show instead, or None.
        key: an admin key, sent to ``url`` only.
        may_act: whether engines may be started and stopped from here.
    """

    def __init__(self, root: Path, *, url: str | None, key: str | None, may_act: bool) -> None:
        self._root = root
        self._url = url
        self._key = key
        self._may_act = may_act
        self._past: deque[Moment] = deque(maxlen=2 * HISTORY_S)
        self._of = ""

    async def page(self, _request: Request) -> Response:
        """The gateway now, or how to start one."""
        port = self._port()
        if port is None:
            return HTMLResponse(no_gateway_page(verb.vanished_sentence(self._root)))
        address = port.url.origin
        try:
            view = await self._view(port)
        except WeighbridgeError as error:
            return HTMLResponse(silent_page(address, error))
        past = self._remember(address, view)
        return HTMLResponse(gateway_page(view, past, address=address, may_act=self._may_act))

    async def state(self, _request: Request) -> Response:
        """The same as JSON, as the admin port gives it."""
        port = self._port()
        if port is None:
            return _said(404, self._none())
        try:
            view = await self._view(port)
        except WeighbridgeError as error:
            return _said(502, str(error))
        return Response(msgspec.json.encode(view), media_type="application/json")

    async def act(self, request: Request) -> Response:
        """Start, stop or put to sleep a model's engine."""
        name, action = (request.path_params[part] for part in ("name", "action"))
        port = self._port()
        if not self._may_act:
            return _said(403, "These pages are open to the network: they only show the gateway.")
        if port is None:
            return _said(404, self._none())
        if not is_action(action):
            return _said(404, f"Nobody can {action} an engine.")
        try:
            async with Client() as client:
                answer = await verb.act(client, port, name, action, _WAIT_S)
        except InputError as error:  # there is no such model
            return _said(404, str(error))
        except EndpointError as error:
            return _said(error.status if isinstance(error, StatusError) else 502, str(error))
        return _said(200 if answer.done else 202, answer.sentence)

    def is_running(self) -> bool:
        """Whether there is a gateway to show; it may still not answer."""
        return self._port() is not None

    def _none(self) -> str:
        vanished = verb.vanished_sentence(self._root)
        return f"{vanished} Start it again with `weigh serve`." if vanished else _NONE

    def _port(self) -> verb.AdminPort | None:
        return verb.admin_port(self._root, self._url, self._key)

    async def _view(self, port: verb.AdminPort) -> GatewayView:
        async with Client() as client:
            return await verb.state(client, port)

    def _remember(self, address: str, view: GatewayView) -> list[Moment]:
        """The moments before this one, of the same gateway since it began."""
        began = view.time - view.uptime_s
        if address != self._of or (self._past and self._past[-1].time < began - 1):
            self._past.clear()
            self._of = address
        before = list(self._past)
        if not before or before[-1].time < view.time:
            self._past.append(moment_of(view))
        return before


def _said(status: int, sentence: str) -> Response:
    return JSONResponse({"sentence": sentence}, status_code=status)
