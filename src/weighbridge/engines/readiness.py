"""Whether an engine really serves: healthy, the right model, the right process, one token."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import msgspec
import psutil

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EndpointError, EngineError
from weighbridge.core.http import HttpClient
from weighbridge.engines.adapter import Admin
from weighbridge.engines.openai import served_models

# A server that does not know an endpoint, or not for this model.
_NOT_HERE = frozenset({400, 404, 405, 422, 500, 501})


async def is_healthy(admin: Admin, path: str, limit_s: float = 3.0) -> bool:
    """Whether the health path answers 2xx in time."""
    return is_good(await health_status(admin, path, limit_s))


async def health_status(admin: Admin, path: str, limit_s: float = 3.0) -> int | None:
    """What the health path answers; None for nothing in time."""
    try:
        status, _ = await admin.get(path, limit_s)
    except EndpointError:
        return None
    return status


def is_good(status: int | None) -> bool:
    """Whether it says that the server can serve."""
    return status is not None and 200 <= status < 300


def listens(port: int, processes: Iterable[psutil.Process]) -> bool | None:
    """Whether one of the processes listens on a port; None where that may not be seen."""
    unseen = False
    for process in processes:
        try:
            sockets = process.net_connections("tcp")
        except psutil.AccessDenied:
            unseen = True
        except psutil.Error:
            continue
        else:
            for each in sockets:
                if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr[1] == port:
                    return True
    return None if unseen else False


async def known_as(client: HttpClient, endpoint: Endpoint, *, names_itself: bool) -> str:
    """The name under which the server knows the model, where it lists its models.

    Raises:
        EngineError: it lists other models, so it is not the one that was started.
        EndpointError: it does not answer.
    """
    listed = await served_models(client, endpoint)
    names = {endpoint.model, f"{endpoint.model}:latest"}
    if not listed or names & set(listed):
        return endpoint.model
    if names_itself:
        return listed[0]
    raise EngineError(
        f"The server at {endpoint.base} serves {', '.join(listed[:4])}, not {endpoint.model}.",
        fix="Another server may hold the port, or its arguments name another model.",
    )


async def generate_once(admin: Admin, can: Iterable[str], limit_s: float) -> None:
    """One token: the first request of all is slow, and only it shows that the engine can compute.

    Raises:
        EngineError: it answers with an error.
        EndpointError: no answer in time.
    """
    model = admin.endpoint.model
    message = {"role": "user", "content": "Hi"}
    questions: list[tuple[str, dict[str, object]]] = [
        ("completions", {"model": model, "prompt": "Hi", "max_tokens": 1}),
        ("chat/completions", {"model": model, "messages": [message], "max_tokens": 1}),
    ]
    if "embeddings" in can:
        questions.append(("embeddings", {"model": model, "input": "Hi"}))
    if "rerank" in can:
        questions.append(("rerank", {"model": model, "query": "Hi", "documents": ["Hi"]}))
    said = ""
    for path, document in questions:
        target = admin.endpoint.base.join(path).path
        status, body = await admin.try_post(target, document, limit_s)
        if 200 <= status < 300:
            return
        said = f"status {status}: {_reason(body)}"
        if status not in _NOT_HERE:
            break
    raise EngineError(f"The engine for {model} is up but generates nothing ({said}).")


def _reason(body: bytes) -> str:
    with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError):
        return str(msgspec.json.decode(body)["error"]["message"])[:300]
    return body[:300].decode("utf-8", "replace").strip()
