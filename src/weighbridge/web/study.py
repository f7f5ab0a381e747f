"""The routes that show studies, and run them in the background.

Running a study starts engines, so only who opened the address that ``weigh ui`` printed may do it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from weighbridge.core.errors import InputError, UnknownRunError, WeighbridgeError
from weighbridge.core.study import STAGES, Study, StudyStatus
from weighbridge.report.study_steps import Doing, StudyFileView, studies_page, study_steps_page
from weighbridge.verbs import decide
from weighbridge.verbs.background import Background, Work, is_free
from weighbridge.verbs.study import load_study
from weighbridge.verbs.study.effects import real_effects
from weighbridge.verbs.study.files import KnownStudy, find_study, keep_study, keys, path_of_key
from weighbridge.verbs.study.status import status as status_of
from weighbridge.verbs.study.writing import Answers, new_study
from weighbridge.verbs.suites import shipped_folders
from weighbridge.web.security import may_act

_GATEWAY: Final = "gateway"
_MOST_BYTES: Final = 1 << 20
_YES_NO: Final = {"yes": True, "no": False}


class _NewStudy(msgspec.Struct):
    """What the form for a new study holds."""

    key: str
    models: str
    suites: list[str] = []
    own: str = ""
    machine: str = "here"
    users: str = "1"
    volume: str = ""
    apis: str = ""
    same_model_apis: str = ""
    gpu_price: str = ""
    slo: str = ""
    data_may_leave: str = ""


class _Text(msgspec.Struct):
    text: str


class _Part(msgspec.Struct):
    stage: str = ""
    again: bool = False


class StudyPages:
    """The routes under ``/study``.

    Args:
        root: the workspace.
        background: what runs studies and the gateway.
        has_gateway: whether a gateway runs.
    """

    def __init__(self, root: Path, background: Background, has_gateway: Callable[[], bool]) -> None:
        self._root = root
        self._background = background
        self._has_gateway = has_gateway

    @property
    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/study", self.index),
            Route("/study/new", self.begin, methods=["POST"]),
            Route("/study/{key}", self.page),
            Route("/study/{key}/run", self.run, methods=["POST"]),
            Route("/study/{key}/stop", self.stop, methods=["POST"]),
            Route("/study/{key}/file", self.keep, methods=["POST"]),
            Route("/study/{key}/serve", self.serve, methods=["POST"]),
        ]

    def index(self, request: Request) -> Response:
        """The studies beside the workspace."""
        entries = [self._entry(key) for key in keys(self._root)]
        page = studies_page(entries, may_act=may_act(request), suites=sorted(shipped_folders()))
        return HTMLResponse(page)

    def page(self, request: Request) -> Response:
        """A study at work."""
        known = find_study(self._root, request.path_params["key"])
        status = self._status(known)
        page = study_steps_page(
            _view(known),
            status,
            self._newest(status),
            _doing(self._background.find(known.key)),
            may_act=may_act(request),
            serving=self._has_gateway(),
            gateway=_doing(self._background.find(_GATEWAY)),
        )
        return HTMLResponse(page)

    async def run(self, request: Request) -> Response:
        """Run all that is to do, or a stage."""
        try:
            asked = await _body(request, _Part)
            known = await run_in_threadpool(find_study, self._root, request.path_params["key"])
            if known.asked is None:
                raise InputError("The study's file has faults.", fix="Mend them first.")
            self._background.start(known.key, self._arguments(known, asked))
        except WeighbridgeError as error:
            return _said(409, str(error))
        return _said(202, "It runs.")

    async def stop(self, request: Request) -> Response:
        """Stop what runs."""
        stopped = self._background.stop(request.path_params["key"])
        return _said(202, "It stops; what is done is kept." if stopped else "Nothing runs.")

    async def keep(self, request: Request) -> Response:
        """Replace the file, if the text is without faults."""
        try:
            asked = await _body(request, _Text)
            kept = await run_in_threadpool(
                keep_study, self._root, request.path_params["key"], asked.text
            )
        except WeighbridgeError as error:
            return _said(409, str(error))
        if kept.asked is None:
            return _said(422, "Not kept. " + " ".join(map(str, kept.faults)))
        return _said(200, "Kept. What the change made stale is marked above.")

    async def begin(self, request: Request) -> Response:
        """Write the file of a new study."""
        try:
            form = await _body(request, _NewStudy)
            path = path_of_key(self._root, form.key)
            await run_in_threadpool(new_study, _answers(form, path), path, self._root)
        except WeighbridgeError as error:
            return _said(422, str(error))
        return JSONResponse({"sentence": f"Wrote {path}.", "address": f"/study/{form.key}"}, 201)

    async def serve(self, request: Request) -> Response:
        """Start the gateway with the newest decision."""
        try:
            path, port = await run_in_threadpool(self._router_config, request.path_params["key"])
            arguments = ["serve", str(path), "--workspace", str(self._root)]
            if not is_free(port):
                arguments += ["--port", "0"]
            self._background.start(_GATEWAY, arguments)
        except WeighbridgeError as error:
            return _said(409, str(error))
        return _said(202, "The gateway starts.")

    def _entry(self, key: str) -> tuple[str, str, str]:
        path = str(path_of_key(self._root, key))
        try:
            known = find_study(self._root, key)
        except WeighbridgeError as error:
            return key, error.message, path
        if known.asked is None:
            return key, f"{len(known.faults)} faults", path
        candidates = ", ".join(known.asked.entries)
        return key, f"{known.asked.name}: {candidates}", path

    def _status(self, known: KnownStudy) -> StudyStatus | None:
        return None if known.asked is None else status_of(known.asked, real_effects(self._root))

    def _newest(self, status: StudyStatus | None) -> Study | None:
        if status is None or status.run is None:
            return None
        try:
            return load_study(real_effects(self._root).store, status.run, self._root)
        except UnknownRunError:  # one of its runs was taken away
            return None

    def _arguments(self, known: KnownStudy, asked: _Part) -> list[str]:
        arguments = ["study", "run", str(known.path), "--workspace", str(self._root)]
        if not asked.stage:
            return arguments
        if asked.stage not in STAGES:
            raise InputError(f"A study has no stage {asked.stage!r}.")
        return [*arguments, "--from-stage" if asked.again else "--stage", asked.stage]

    def _router_config(self, key: str) -> tuple[Path, int]:
        """The decision's configuration, written for these pages, and the port it wants."""
        study = self._newest(self._status(find_study(self._root, key)))
        if study is None or study.verdict is None:
            raise InputError("Nothing is decided yet.", fix="Run the study first.")
        path = self._root / "reports" / f"{study.run.info.id}.router.config.yaml"
        return path, decide.write_served_config(study.verdict, path)


def _view(known: KnownStudy) -> StudyFileView:
    return StudyFileView(
        key=known.key,
        path=str(known.path),
        text=known.text,
        may_change=not known.is_demo,
        faults=tuple(map(str, known.faults)),
    )


def _doing(work: Work | None) -> Doing | None:
    if work is None:
        return None
    step = work.step
    return Doing(
        command=work.command,
        title=step.stage if step else "",
        done=step.done if step else 0,
        total=step.total if step else 0,
        lines=work.lines,
        code=work.code,
    )


def _answers(form: _NewStudy, path: Path) -> Answers:
    try:
        users = tuple(int(part) for part in form.users.replace(",", " ").split())
    except ValueError:
        raise InputError(f"{form.users!r} are no numbers of users.", fix="Write 1, 8.") from None
    return Answers(
        name=path.parent.name if form.key == "study" else form.key,
        models=_lines(form.models),
        suites=(*form.suites, *_lines(form.own)),
        machine=form.machine.strip() or "here",
        users=users or (1,),
        volume=form.volume.strip(),
        slo=form.slo.strip(),
        data_may_leave=_YES_NO.get(form.data_may_leave),
        apis=_lines(form.apis),
        same_model_apis=_lines(form.same_model_apis),
        gpu_price=form.gpu_price.strip(),
    )


def _lines(text: str) -> tuple[str, ...]:
    """What stands on the lines of a field."""
    return tuple(filter(None, map(str.strip, text.splitlines())))


async def _body(request: Request, shape: type[Any]) -> Any:  # noqa: ANN401 -- one of the above
    """What a page's script sent.

    Raises:
        InputError: it is larger than a study's file can be, or not what the page sends.
    """
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > _MOST_BYTES:
            raise InputError("That is larger than a study's file can be.")
    try:
        return msgspec.json.decode(bytes(raw) or b"{}", type=shape)
    except msgspec.DecodeError as error:
        raise InputError(f"This page sends something else: {error}.") from None


def _said(status: int, sentence: str) -> Response:
    return JSONResponse({"sentence": sentence}, status_code=status)
