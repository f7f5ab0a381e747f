"""The routes of load runs beside their own pages: runs under way, and two runs compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from weighbridge.core.errors import InputError, UnknownRunError
from weighbridge.core.live_load import LiveLoad
from weighbridge.core.load import LoadRun
from weighbridge.core.load_comparison import LoadComparison
from weighbridge.report.load_compare_page import choose_page, comparison_page
from weighbridge.report.load_live_page import ended_page, live_page
from weighbridge.workspace.folder import Workspace
from weighbridge.workspace.live_load import LiveLoads

Differences = Callable[[Sequence[LoadRun], Sequence[LoadRun]], Sequence[LoadComparison]]


class LoadPages:
    """The routes under ``/bench``; workspace and snapshots are read anew for every request.

    Args:
        open_store: opens the workspace.
        differences: what says how two sides differ.
    """

    def __init__(
        self, open_store: Callable[[], Workspace], differences: Differences | None = None
    ) -> None:
        self._store = open_store
        self._differences = differences or _differences

    def live(self, request: Request) -> Response:
        """A run under way; of one that is kept by now, where it is."""
        run_id = request.path_params["id"]
        store = self._store()
        kept = next((info for info in store.runs("load") if info.id == run_id), None)
        if kept is not None:
            return _fresh(ended_page(run_id, kept))
        snapshots = LiveLoads(store.root)
        live = snapshots.read(run_id)
        if live is not None:
            return _fresh(live_page(live))
        return _fresh(ended_page(run_id, None), status=404)

    def compare(self, request: Request) -> Response:
        """Two runs side by side, or the form that picks them."""
        store = self._store()
        infos = store.runs("load")
        a, b = (request.query_params.get(side, "") for side in ("a", "b"))
        if not (a and b):
            others = [info.id for info in infos if info.id != a]
            return HTMLResponse(choose_page(infos, a, b or next(iter(others), "")))
        if a == b:
            return HTMLResponse(choose_page(infos, a, b, "A and B are the same run.", "Pick two."))
        try:
            first, second = (store.load(store.find(one, "load").id, LoadRun) for one in (a, b))
            found = self._differences([first], [second])
        except (InputError, UnknownRunError) as error:
            page = choose_page(infos, a, b, error.message, error.fix)
            return HTMLResponse(page, status_code=404)
        return HTMLResponse(comparison_page(found, [first], [second], standalone=False))


def under_way(store: Workspace) -> list[LiveLoad]:
    """The load runs that somebody measures right now."""
    return LiveLoads(store.root).all()


def _differences(a: Sequence[LoadRun], b: Sequence[LoadRun]) -> Sequence[LoadComparison]:
    from weighbridge.decide.load_comparison import compare_loads  # noqa: PLC0415 -- loads scipy

    return compare_loads(a, b)


def _fresh(page: str, status: int = 200) -> Response:
    """A page that must not be shown again from a cache."""
    return HTMLResponse(page, status_code=status, headers={"cache-control": "no-store"})
