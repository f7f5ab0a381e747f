"""The live server: routes over the workspace's runs and the pages of :mod:`weighbridge.report`."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from weighbridge.core.errors import ConfigError, InputError, UnknownRunError, WeighbridgeError
from weighbridge.core.gateway_admin import KEY_VARIABLE
from weighbridge.core.runs import RunInfo
from weighbridge.core.study import DemoRun, StudyRun, VerdictRun
from weighbridge.core.verdict import Verdict
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.catalog.catalogue import load as load_catalogue
from weighbridge.facts.catalog.lines import own_path
from weighbridge.report.index import home_page, message_page, runs_page
from weighbridge.report.page import STATIC, asset, asset_tag, style_hashes
from weighbridge.report.run_page import run_page
from weighbridge.report.study import study_page
from weighbridge.verbs.background import Background
from weighbridge.verbs.effects import open_workspace
from weighbridge.verbs.runs import load_any
from weighbridge.verbs.study import load_study, study_run
from weighbridge.web.cost import CostPages
from weighbridge.web.gateway import GatewayPages
from weighbridge.web.inspect import InspectPages
from weighbridge.web.load import LoadPages, under_way
from weighbridge.web.place import PlacePages
from weighbridge.web.plan import PlanPages
from weighbridge.web.rate import RatePages
from weighbridge.web.security import Binding, Guard, content_policy
from weighbridge.web.study import StudyPages
from weighbridge.workspace.folder import Workspace

# Kinds of runs that end in a decision.
_DECIDING = ("study", "demo", "verdict")


def create_app(
    workspace: Path,
    *,
    token: str | None,
    binding: Binding,
    catalogue: Path | None = None,
    gateway: str | None = None,
    admin_key: str | None = None,
    open_to_read: bool = False,
) -> Starlette:
    """The pages of one workspace, read anew for every request.

    Args:
        workspace: its folder.
        catalogue: the user's own catalogue of models, or None for ours alone.
        token: what visitors must show, or None.
        binding: the address that the server listens on.
        gateway: the admin port of the gateway to show, or None for the workspace's own.
        admin_key: what ``gateway`` asks for, if it does.
        open_to_read: whether ``token`` is asked of those only who run studies.
    """
    # Whoever has the token may look from afar; engines are started and stopped on this machine.
    live = GatewayPages(workspace, url=gateway, key=admin_key, may_act=binding.is_loopback)
    background = Background()
    guard = Middleware(
        Guard,
        binding=binding,
        token=token,
        policy=content_policy(style_hashes()),
        refuse=_refusal,
        open_to_read=open_to_read,
    )
    return Starlette(
        routes=[
            Route("/gateway", live.page),
            Route("/gateway/state.json", live.state),
            Route("/gateway/models/{name:path}/{action}", live.act, methods=["POST"]),
            *StudyPages(workspace, background, live.is_running).routes,
            *RatePages(workspace, binding).routes,
            *_reading(workspace, catalogue, live.is_running),
            Route("/static/{name}", _static),
            Route("/favicon.ico", _icon),
            Route("/health", _health),
        ],
        middleware=[guard],
        lifespan=_ending(background),
        exception_handlers={
            HTTPException: _not_found,
            UnknownRunError: _failure,
            WeighbridgeError: _failure,
        },
    )


def _reading(
    workspace: Path, catalogue: Path | None, has_gateway: Callable[[], bool]
) -> list[Route]:
    """The routes that only read."""

    def store() -> Workspace:
        return open_workspace(workspace)

    def models() -> Catalogue:
        return load_catalogue(catalogue)

    pages, load = _Pages(store, has_gateway), LoadPages(store)
    inspect = InspectPages(store, models)
    return [
        Route("/", pages.home),
        Route("/bench/compare", load.compare),
        Route("/bench/live/{id}", load.live),
        Route("/inspect", inspect.index),
        Route("/inspect/compare", inspect.compare),
        Route("/plan", PlanPages(store, models).page),
        Route("/place", PlacePages(store, models).page),
        Route("/cost", CostPages(store, models, catalogue).page),
        Route("/runs", pages.runs),
        Route("/runs/{id}.json", pages.record),
        Route("/runs/{id}", pages.run),
    ]


def _ending(background: Background) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """What the pages started ends with them."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await run_in_threadpool(background.close)

    return lifespan


def app_from_environment() -> Starlette:
    """The application as ``weigh ui`` configures it, for uvicorn's ``factory=True``.

    Raises:
        ConfigError: the settings are missing, or would show the pages to the network unguarded.
    """
    try:
        binding = Binding(
            host=os.environ["WEIGHBRIDGE_UI_HOST"],
            port=int(os.environ["WEIGHBRIDGE_UI_PORT"]),
            machine=socket.gethostname(),
            public=os.environ.get("WEIGHBRIDGE_UI_PUBLIC", ""),
        )
        workspace = Path(os.environ["WEIGHBRIDGE_UI_WORKSPACE"])
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"The pages lack a setting: {error}.", fix="Start them with `weigh ui`."
        ) from None
    token = os.environ.get("WEIGHBRIDGE_UI_TOKEN") or None
    if token is None and not binding.is_loopback:
        raise ConfigError(
            f"The pages would be open to everybody who can reach {binding.public or binding.host}.",
            fix="Set WEIGHBRIDGE_UI_TOKEN, or listen on 127.0.0.1.",
        )
    return create_app(
        workspace,
        token=token,
        binding=binding,
        catalogue=own_path(os.environ),
        gateway=os.environ.get("WEIGHBRIDGE_UI_GATEWAY") or None,
        admin_key=os.environ.get(KEY_VARIABLE) or None,
        open_to_read=bool(os.environ.get("WEIGHBRIDGE_UI_OPEN")),
    )


class _Pages:
    """The routes that read the workspace."""

    def __init__(
        self, open_store: Callable[[], Workspace], has_gateway: Callable[[], bool]
    ) -> None:
        self._open = open_store
        self._has_gateway = has_gateway

    def home(self, _request: Request) -> Response:
        store = self._open()
        infos, live, gateway = store.runs(), under_way(store), self._has_gateway()
        latest = next((info for info in infos if info.kind in _DECIDING), None)
        if latest is None:
            return HTMLResponse(home_page(infos, live=live, gateway=gateway))
        run = None if latest.kind == "verdict" else study_run(store, latest.id)
        members, verdict = _decided(store, latest, run)
        of_study = [info for info in infos if info.id in {latest.id, *members}]
        return HTMLResponse(home_page(of_study, latest, verdict, live, gateway=gateway, run=run))

    def runs(self, _request: Request) -> Response:
        store = self._open()
        return HTMLResponse(runs_page(store.runs(), under_way(store)))

    def run(self, request: Request) -> Response:
        store = self._open()
        info = store.find(request.path_params["id"])
        if info.id != request.path_params["id"]:
            return RedirectResponse(request.url_for("run", id=info.id).path)
        return HTMLResponse(_page_of(store, info))

    def record(self, request: Request) -> Response:
        document = self._open().document(request.path_params["id"])
        return Response(msgspec.json.encode(document), media_type="application/json")


def _page_of(store: Workspace, info: RunInfo) -> str:
    record = load_any(store, info.id)
    if isinstance(record, StudyRun | DemoRun):
        return study_page(load_study(store, info.id, store.root), standalone=False)
    return run_page(record, standalone=False)


def _decided(
    store: Workspace, latest: RunInfo, run: StudyRun | None
) -> tuple[set[str], Verdict | None]:
    """The runs that a study or a verdict rests on, and what was decided.

    The verdict of a study may be gone from the workspace.
    """
    if run is None:
        own = store.load(latest.id, VerdictRun)
        return set(own.evidence), own.verdict
    ids = (*run.inspected, *run.loads, *run.evals, run.plan, run.cost, run.verdict, run.route)
    members = {name for name in ids if name is not None}
    try:
        decided = None if run.verdict is None else store.load(run.verdict, VerdictRun).verdict
    except UnknownRunError:
        decided = None
    return members, decided


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        raise HTTPException(404)
    headers = {"etag": asset_tag(name), "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(asset(name), headers={**headers, "content-type": STATIC[name]})


def _icon(_request: Request) -> Response:
    """For what is no page of ours and cannot name its icon: records as JSON."""
    return Response(asset("icon.svg"), media_type=STATIC["icon.svg"])


def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _refusal(status: int, sentence: str, fix: str) -> str:
    return message_page(f"{status} {HTTPStatus(status).phrase}", sentence, fix)


def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    sentence = f"There is no page {request.url.path}."
    return HTMLResponse(_refusal(status, sentence, ""), status_code=status)


def _failure(_request: Request, error: Exception) -> Response:
    """What the error says, as a page: 404 for what is not there, 500 for a damaged workspace."""
    status = 404 if isinstance(error, UnknownRunError | InputError) else 500
    if not isinstance(error, WeighbridgeError):
        raise error
    return HTMLResponse(_refusal(status, error.message, error.fix), status_code=status)
