"""The route that places several models: a form, and the answer to it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, Final

import msgspec
import yaml
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from weighbridge.core.errors import InputError, WeighbridgeError
from weighbridge.core.machine import Machine
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.devices import from_block
from weighbridge.facts.devices.rows import entries as load_devices
from weighbridge.report.placement_form import MOST_FILE, MOST_ROWS, ModelRow, PlacementForm
from weighbridge.report.placement_page import live_placement_page
from weighbridge.report.plan_form import Choice, Field
from weighbridge.verbs import place as verb
from weighbridge.verbs import plan as planning
from weighbridge.verbs.effects import SystemClock
from weighbridge.verbs.place_file import (
    PUBLISHED,
    REPLICAS,
    ModelBlock,
    PlacementFile,
    TaskBlock,
    checked,
    parse,
)
from weighbridge.web.plan import found_here
from weighbridge.workspace.folder import Workspace

# A visitor waits, and so do all others who want something placed.
_TIME_LIMIT_S: Final = 3.0
_PATIENCE_S: Final = 20.0
# What is solved in that time; `weigh place` takes more.
_MOST_DEVICES: Final = 64
_MOST_MODELS: Final = 16
_MOST_REPLICAS: Final = 8
_MOST_WAYS: Final = 20_000
_UNLIKE: Final = re.compile(r"[,;]|\s\+\s")
_FORMATS: Final = {
    "published": "as published",
    "fp8": "fp8",
    "awq": "int4 (AWQ)",
}
_DEFAULT_FORMATS: Final = ("published", "fp8")
_DEFAULTS: Final = {"context": "8k", "prompt": "1024", "output": "256"}
_ORIGIN: Final = "The form"


class PlacePages:
    """The route ``/place``.

    Args:
        open_store: opens the workspace, for measurements of the user's own.
        open_catalogue: reads the catalogue.
        look: finds the machine that this server runs on; asked once.
    """

    def __init__(
        self,
        open_store: Callable[[], Workspace],
        open_catalogue: Callable[[], Catalogue],
        look: Callable[[], Machine | None] = found_here,
    ) -> None:
        self._store = open_store
        self._catalogue = open_catalogue
        self._here = cache(look)
        self._solver = Lock()

    def page(self, request: Request) -> Response:
        """The form, and the placement that it asks for; what is wrong is told beside the form."""
        query, catalogue = request.query_params, self._catalogue()
        here = self._here()
        form = form_of(query, here, catalogue)
        if not (form.rows or form.file.strip()):
            return HTMLResponse(live_placement_page(form))
        try:
            file, asked = _question(query, form, here)
            found = self._placed(file, catalogue)
        except WeighbridgeError as error:
            return HTMLResponse(live_placement_page(form, problem=error))
        return HTMLResponse(
            live_placement_page(
                form,
                placement=found.placement,
                provenance=found.provenance,
                commands=[(one.site, one.command) for one in found.servers],
                notes=found.notes,
                file=asked,
            )
        )

    def _placed(self, file: PlacementFile, catalogue: Catalogue) -> verb.PlacementPlan:
        known = planning.calibrations(self._store().root, catalogue, SystemClock())
        with self._turn():
            return verb.plan_file(
                file, _ORIGIN, catalogue, calibrations=known, time_limit_s=_TIME_LIMIT_S
            )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One at a time: the solver takes a whole core, and pages are served beside it."""
        if not self._solver.acquire(timeout=_PATIENCE_S):
            raise InputError(
                "This server is still placing what others asked for.", fix="Try again in a moment."
            )
        try:
            yield
        finally:
            self._solver.release()


def form_of(query: QueryParams, here: Machine | None, catalogue: Catalogue) -> PlacementForm:
    """The form as it was sent; before that, with figures to begin with."""
    asked = set(query.getlist("format")) if "format" in query or "model" in query else None
    formats = _DEFAULT_FORMATS if asked is None else asked
    return PlacementForm(
        fields=_fields(query, here),
        rows=tuple(row for row in _rows(query) if not row.is_empty),
        formats=tuple((Choice(name, text), name in formats) for name, text in _FORMATS.items()),
        file=query.get("file", "")[: MOST_FILE + 1],
        devices=tuple(entry.device.name for entry in load_devices()),
        models=tuple(one.id for one in catalogue.models if "text" in one.modality.split("+")),
    )


def _fields(query: QueryParams, here: Machine | None) -> tuple[Field, ...]:
    found = f"here: {here.label}" if _serves(here) and here else "for example 2x L40S"

    def typed(name: str) -> str:
        return query.get(name, _DEFAULTS.get(name, "")).strip()

    return (
        Field("device", "Machine, or several with commas", typed("device"), hint=found),
        Field("users", "Requests in flight, of each", typed("users"), "by traffic"),
        Field("context", "Context", typed("context"), unit="tokens"),
        Field("prompt", "Typical prompt", typed("prompt"), unit="tokens"),
        Field("output", "Typical answer", typed("output"), unit="tokens"),
        Field("ttft", "First token within", typed("ttft"), "any", "ms, typical"),
        Field("tpot", "Further tokens within", typed("tpot"), "any", "ms, typical"),
        Field("version", "Version of vLLM", typed("version"), "a recent one"),
    )


def _rows(query: QueryParams) -> Iterator[ModelRow]:
    """The models; every row sends all of its fields, so they stand in the same order."""
    names, needs = query.getlist("model")[:MOST_ROWS], query.getlist("need")
    rates, qualities = query.getlist("rate"), query.getlist("quality")
    for at, name in enumerate(names):

        def of(values: list[str], at: int = at) -> str:
            return values[at].strip() if at < len(values) else ""

        yield ModelRow(name.strip(), of(rates), of(qualities), of(needs) == "optional")


def _question(
    query: QueryParams, form: PlacementForm, here: Machine | None
) -> tuple[PlacementFile, str]:
    """What is asked, and as a file where the form asks it.

    Raises:
        InputError: something that was typed cannot be.
    """
    if form.file.strip():
        if len(form.file) > MOST_FILE:
            raise InputError(
                f"The file has more than {MOST_FILE} characters.",
                fix="Place it in a terminal: `weigh place placement.yaml --html page.html`.",
            )
        file, text = parse(form.file, "The file"), ""
    else:
        said = _said(query, form, here)
        text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, default_flow_style=None)
        file = checked(msgspec.convert(said, PlacementFile), _ORIGIN)
    _check_size(file)
    return file, text


def _said(query: QueryParams, form: PlacementForm, here: Machine | None) -> dict[str, Any]:
    """The form as a file's document."""
    formats = [choice.value for choice, on in form.formats if on]
    said: dict[str, Any] = {
        "machines": _machines(query.get("device", ""), here),
        "context": _text(query, "context"),
        "prompt_tokens": _whole(query, "prompt"),
        "output_tokens": _whole(query, "output"),
        "formats": formats or ["published"],
    }
    if _text(query, "users"):
        said["users"] = _whole(query, "users")
    for name in ("ttft", "tpot"):
        if _text(query, name):
            said[f"{name}_ms"] = _number(_text(query, name), f"a limit on {name} in ms")
    if _text(query, "version"):
        said["engine_version"] = _text(query, "version")
    said["models"] = [_model(row) for row in form.rows]
    return said


def _model(row: ModelRow) -> dict[str, Any]:
    if not row.model:
        raise InputError(
            "A row has figures, but no model.", fix="Name the model, or empty the row."
        )
    if not row.rate:
        raise InputError(
            f"Nothing says how many requests per second {row.model} gets.",
            fix="Write 0 for a model that is only to be there.",
        )
    found: dict[str, Any] = {
        "name": row.model,
        "requests_per_s": _number(row.rate, "a number of requests per second"),
    }
    if row.quality:
        found["quality"] = _number(row.quality, "a quality")
    if row.optional:
        found["required"] = False
    return found


def _machines(typed: str, here: Machine | None) -> list[dict[str, Any]]:
    parts = [part.strip() for part in _UNLIKE.split(typed) if part.strip()]
    if parts:
        return [{"device": part} for part in parts]
    if here is None or not _serves(here):
        raise InputError(
            "Nothing says on what to place them: no GPU that vLLM serves on was found here.",
            fix="Name a machine, for example `2x L40S`.",
        )
    return [{"device": here.device.name, "count": here.count}]


def _serves(machine: Machine | None) -> bool:
    """Whether vLLM takes a share of such a machine's devices, and our catalogue knows them."""
    if machine is None or machine.device.vendor not in ("NVIDIA", "AMD"):
        return False
    return any(entry.device.name == machine.device.name for entry in load_devices())


def _check_size(file: PlacementFile) -> None:
    more = "`weigh place` takes more, in a terminal."
    count = sum(from_block(block).count for block in file.machines[: _MOST_DEVICES + 1])
    if count > _MOST_DEVICES:
        raise InputError(f"This page places on {_MOST_DEVICES} GPUs at most.", fix=more)
    blocks: tuple[ModelBlock | TaskBlock, ...] = (*file.models, *file.tasks)
    if len(blocks) > _MOST_MODELS:
        raise InputError(f"This page places {_MOST_MODELS} models and tasks at most.", fix=more)
    replicas = [file.max_replicas, *(one.max_replicas for one in blocks)]
    if any((each or 0) > _MOST_REPLICAS for each in replicas):
        raise InputError(f"This page tries {_MOST_REPLICAS} replicas at most.", fix=more)
    if count * sum(_ways(one, file) for one in blocks) > _MOST_WAYS:
        raise InputError(
            "That are more configurations than this page weighs against each other.",
            fix=f"Offer fewer formats, candidates or replicas; {more}",
        )


def _ways(one: ModelBlock | TaskBlock, file: PlacementFile) -> int:
    """Configurations that are offered for one, with servers of any size counted as two.

    Where nobody says how many requests are in flight, up to three numbers are weighed.
    """
    models = len(one.candidates) if isinstance(one, TaskBlock) else 1
    formats = len(one.formats or file.formats or [PUBLISHED])
    replicas = one.max_replicas or file.max_replicas or REPLICAS
    slots = 3 if one.users is None and file.users is None else 1
    return slots * models * formats * replicas * min(2, len(one.tensor or file.tensor or "12"))


def _text(query: QueryParams, name: str) -> str:
    return query.get(name, "").strip() or _DEFAULTS.get(name, "")


def _whole(query: QueryParams, name: str) -> int:
    text = _text(query, name)
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII):
        raise InputError(f"{text!r} is not a number of {_WHOLE[name]}.", fix="Write digits only.")
    return int(text)


_WHOLE: Final = {
    "users": "requests in flight",
    "prompt": "tokens of a prompt",
    "output": "tokens of an answer",
}


def _number(text: str, what: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise InputError(f"{text!r} is not {what}.", fix="Write a number, for example 0.5.")
    return found
