"""The routes that show what models are: the list, and one to four of them side by side."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from weighbridge.core.errors import InputError
from weighbridge.core.inspection import Inspection
from weighbridge.core.quantization import Quantization
from weighbridge.core.study import ModelSheet
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.catalog.model import CatalogueModel
from weighbridge.facts.quantizations.table import from_config
from weighbridge.report.diagram import MOST_MODELS
from weighbridge.report.inspect_index import inspect_index
from weighbridge.report.inspect_page import inspect_page
from weighbridge.report.picks import Pick
from weighbridge.workspace.folder import Workspace


class InspectPages:
    """The routes under ``/inspect``; workspace and catalogue are read anew for every request."""

    def __init__(
        self, open_store: Callable[[], Workspace], open_catalogue: Callable[[], Catalogue]
    ) -> None:
        self._store = open_store
        self._catalogue = open_catalogue

    def index(self, request: Request) -> Response:
        """Every model that can be shown; ``run=`` and ``model=`` name those to compare with."""
        infos = self._store().runs("inspect")
        return HTMLResponse(inspect_index(infos, self._catalogue().models, picks_of(request)))

    def compare(self, request: Request) -> Response:
        """One model's page, or several models side by side.

        Raises:
            InputError: more models than fit, or one of which only the size is known.
            UnknownRunError: a run that is not in the workspace.
        """
        picks = picks_of(request)
        if not picks:
            return RedirectResponse("/inspect")
        if len(picks) > MOST_MODELS:
            raise InputError(
                f"{len(picks)} models do not fit beside each other.",
                fix=f"Compare at most {MOST_MODELS}.",
            )
        inspections = [self._inspection(pick) for pick in picks]
        return HTMLResponse(inspect_page(inspections, standalone=False, picks=picks))

    def _inspection(self, pick: Pick) -> Inspection:
        source, name = pick
        if source == "model":
            return from_catalogue(self._catalogue().find(name))
        store = self._store()
        return store.load(store.find(name).id, ModelSheet).inspection


def picks_of(request: Request) -> list[Pick]:
    """The models that an address names, in its order, each once."""
    picks: list[Pick] = []
    for source, name in request.query_params.multi_items():
        if source == "run":
            picks.append(("run", name))
        elif source == "model":
            picks.append(("model", name))
    return list(dict.fromkeys(picks))


def from_catalogue(model: CatalogueModel) -> Inspection:
    """A model of the catalogue as if inspected.

    Raises:
        InputError: the catalogue knows its size only.
    """
    architecture = model.architecture()
    stated = from_config(model.config or {}, architecture).quantization
    quantization = stated or Quantization("unknown", otherwise=0.0, known=False)
    return Inspection(
        model.id, architecture, quantization, None, model.provenance, model.license or None
    )
