"""`weigh gateway`: a running gateway's state, and what an administrator may do to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from weighbridge.core.errors import InputError, ProtocolError, StatusError
from weighbridge.core.gateway import GatewayView
from weighbridge.core.gateway_admin import KEY_VARIABLE, Action, ActionAnswer, ReloadAnswer
from weighbridge.core.http import HttpClient, Request, Timeouts, Url, parse_url
from weighbridge.workspace.gateways import running, vanished

_QUICK: Final = Timeouts(connect=2.0, first_byte=5.0, between_bytes=5.0, total=10.0)
_LONGER_S: Final = 10.0
_RecordT = TypeVar("_RecordT")


class _Fault(msgspec.Struct):
    message: str
    type: str = ""


class _Refused(msgspec.Struct):
    error: _Fault


@dataclass(frozen=True, slots=True)
class AdminPort:
    """Where a gateway takes admin requests.

    Attributes:
        url: its root.
        key: an admin key, for a gateway's main port; its admin port asks for none.
    """

    url: Url
    key: str | None = None


def admin_port(root: Path, url: str | None, key: str | None) -> AdminPort | None:
    """The gateway at ``url``, or one that announced itself in the workspace; None for none.

    Where several did, it is the one that began last.

    The key goes only where the user says, never to an address that stands in a file.

    Raises:
        InputError: ``url`` is no address.
    """
    if url is not None:
        return AdminPort(_root_of(parse_url(url)), key or None)
    said = running(root)
    return AdminPort(_root_of(parse_url(said[-1].admin_url))) if said else None


def needed_port(root: Path, url: str | None, key: str | None) -> AdminPort:
    """As :func:`admin_port`, but nobody guesses which of several is meant.

    Raises:
        InputError: there is none, there are several, or ``url`` is no address.
    """
    if url is None and len(several := running(root)) > 1:
        said = ", ".join(f"{one.admin_url} (process {one.pid})" for one in several)
        raise InputError(
            f"{len(several)} gateways have announced themselves in {root}: {said}.",
            fix=f"Name the one you mean, for example --gateway {several[-1].admin_url}.",
        )
    port = admin_port(root, url, key)
    if port is None and (sentence := vanished_sentence(root)):
        raise InputError(sentence, fix="Start it again with `weigh serve`.")
    if port is None:
        raise InputError(
            f"No gateway has announced itself in {root}.",
            fix="Start one with `weigh serve`, with `admin: 127.0.0.1:8081` in its configuration, "
            "or name the address of its admin port.",
        )
    return port


def vanished_sentence(root: Path) -> str:
    """Which gateway of this workspace was killed; empty where none was."""
    said = vanished(root)
    if said is None:
        return ""
    return f"The gateway that ran here (process {said.pid}) has ended without saying goodbye."


async def state(client: HttpClient, port: AdminPort) -> GatewayView:
    """The gateway at this moment.

    Raises:
        EndpointError: nobody answers there, or no gateway does.
    """
    return await _ask(client, port, "GET", "admin/state", GatewayView)


async def act(
    client: HttpClient, port: AdminPort, model: str, action: Action, wait_s: float
) -> ActionAnswer:
    """Start, stop or put to sleep a model's engine; waits up to ``wait_s`` seconds for it.

    Raises:
        InputError: there is no such model.
        EndpointError: nobody answers, or its engine failed.
    """
    path = f"admin/models/{quote(model, safe='')}/{action}?wait={wait_s:g}"
    return await _ask(client, port, "POST", path, ActionAnswer, wait_s=wait_s)


async def reload(client: HttpClient, port: AdminPort) -> ReloadAnswer:
    """Have the gateway read its configuration anew.

    Raises:
        EndpointError: nobody answers, or the configuration is wrong; then the old one stays.
    """
    return await _ask(client, port, "POST", "admin/reload", ReloadAnswer, wait_s=60.0)


def to_json(record: GatewayView | ActionAnswer | ReloadAnswer) -> dict[str, Any]:
    """The record with the keys of ``GET /admin/state``, which docs/live_page.md tells."""
    document: dict[str, Any] = msgspec.to_builtins(record)
    return document


def _root_of(url: Url) -> Url:
    """People know a gateway by the address that clients use, which ends in /v1."""
    path = url.path.rstrip("/").removesuffix("/v1")
    return replace(url, path=path or "/")


async def _ask(
    client: HttpClient,
    port: AdminPort,
    method: str,
    path: str,
    kind: type[_RecordT],
    *,
    wait_s: float = 0.0,
) -> _RecordT:
    headers = ((b"authorization", f"Bearer {port.key}".encode()),) if port.key else ()
    request = Request(method, port.url.join(path), headers)
    longer = wait_s + _LONGER_S
    timeouts = replace(_QUICK, first_byte=longer, total=longer) if wait_s else _QUICK
    answer = await client.fetch(request, timeouts)
    if answer.head.status >= 400:
        raise _refusal(port, answer.head.status, answer.body)
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProtocolError(
            f"{port.url.origin} answered something else than a gateway's admin port: {error}.",
            fix="Ask the address that stands under `admin` in its configuration.",
        ) from None


def _refusal(port: AdminPort, status: int, body: bytes) -> InputError | StatusError:
    try:
        fault = msgspec.json.decode(body, type=_Refused).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        message = f"{port.url.origin} answered with status {status}, not as a gateway does."
        fix = "Ask the address that stands under `admin` in its configuration."
        return StatusError(message, status=status, fix=fix)
    if fault.type == "model_not_found":  # the user's word is at fault, not the gateway
        return InputError(fault.message)
    fix = f"Put an admin key into {KEY_VARIABLE}." if status == 401 else ""
    return StatusError(fault.message, status=status, fix=fix)
