"""The routes of blind ratings: raters by their links, results for whoever is no rater.

A rater's browser gets texts, a ballot's random-looking name and the rater's own count: nothing
that is made of a model's name, of others' votes, or of how long an answer took.
"""

from __future__ import annotations

import asyncio
from asyncio import to_thread
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from weighbridge.core.errors import InputError, UnknownRunError, WeighbridgeError
from weighbridge.measure.ratings.tidy import TOLD
from weighbridge.report.index import message_page
from weighbridge.report.rating_page import ballot_json, rater_page, ratings_page, results_page
from weighbridge.verbs import rate as verb
from weighbridge.verbs.rate_desk import Desk, Seat
from weighbridge.verbs.rate_results import results
from weighbridge.web.security import LOOPBACK, Binding
from weighbridge.workspace.ballots import Ratings

_MOST_BODY = 32 * 1024
_PATH = "/rate"
_BETWEEN = "."
_MOST_RATED = 50


class _Vote(msgspec.Struct):
    """What the page sends of a ballot."""

    ballot: str
    winner: str
    reason: str = ""


class RatePages:
    """The routes under ``/rate``.

    A browser remembers in a cookie what is rated in it. Cookies are kept per name of a server, so
    on loopback, where one server has several names, one of them is used for all.

    Args:
        root: the workspace's folder.
        binding: where the server listens.
    """

    def __init__(self, root: Path, binding: Binding) -> None:
        self._root = root
        self._binding = binding
        self._cookie = f"weighbridge_rater_{binding.port}"
        self._ratings = Ratings(root)
        self._desk = Desk(root)
        self._turn = asyncio.Lock()

    @property
    def routes(self) -> list[Route]:
        """Where they are; raters' come first, for an id takes any name."""
        return [
            Route(_PATH, self.index),
            Route(f"{_PATH}/by/{{token}}", self.rater),
            Route(f"{_PATH}/by/{{token}}/vote", self.vote, methods=["POST"]),
            Route(f"{_PATH}/by/{{token}}/undo", self.undo, methods=["POST"]),
            Route(f"{_PATH}/{{id}}", self.results),
        ]

    def index(self, _request: Request) -> Response:
        """All ratings."""
        return HTMLResponse(ratings_page(verb.listed(self._root)))

    def results(self, request: Request) -> Response:
        """What a rating's ballots say, unless this browser is rating it."""
        info = self._ratings.find(request.path_params["id"])
        if not info.closed and (named_otherwise := self._under_one_name(request)):
            return named_otherwise
        if not info.closed and info.id in self._rated_here(request):
            page = message_page(
                "Somebody rates in this browser",
                "The results name the models, so they are not shown here while the rating is open.",
                "End it with `weigh rate close`, or look from another browser.",
            )
            return HTMLResponse(page, status_code=403)
        ballots = self._ratings.ballots(info.id)
        found = results(self._root, info.id) if ballots else None
        return HTMLResponse(results_page(info, found, len(ballots)))

    async def rater(self, request: Request) -> Response:
        """The page of the rater whose link this is."""
        if named_otherwise := self._under_one_name(request):
            return named_otherwise
        token = request.path_params["token"]
        async with self._turn:
            seat = await to_thread(self._desk.seat, token)
            page = HTMLResponse(rater_page(await to_thread(self._shown, seat), TOLD))
        rated = [one for one in self._rated_here(request) if one != seat.info.id]
        page.set_cookie(
            self._cookie, _BETWEEN.join([*rated, seat.info.id][-_MOST_RATED:]), path=_PATH,
            httponly=True, samesite="strict", max_age=30 * 86400,
        )  # fmt: skip
        return page

    async def vote(self, request: Request) -> Response:
        """Keep a ballot and show the next."""
        async with self._turn:
            try:
                seat = await to_thread(self._desk.seat, request.path_params["token"])
                told = await _body(request)
                kept = await to_thread(self._desk.vote, seat, told.ballot, told.winner, told.reason)
                shown = await to_thread(self._shown, seat)
            except WeighbridgeError as error:
                return _refused(error)
        if kept:
            return JSONResponse({"next": shown})
        said = "That ballot was no longer open; this one is."
        return JSONResponse({"next": shown, "sentence": said}, status_code=409)

    async def undo(self, request: Request) -> Response:
        """Take the last ballot back and show it again."""
        async with self._turn:
            try:
                seat = await to_thread(self._desk.seat, request.path_params["token"])
                await to_thread(self._desk.undo, seat)
                shown = await to_thread(self._shown, seat)
            except WeighbridgeError as error:
                return _refused(error)
        return JSONResponse({"next": shown})

    def _under_one_name(self, request: Request) -> Response | None:
        """On loopback, the way to the name by which cookies are kept; None for who is there."""
        name = self._binding.host if self._binding.is_loopback else LOOPBACK[0]
        if request.url.hostname not in LOOPBACK or request.url.hostname == name:
            return None
        written = f"[{name}]" if ":" in name else name
        return RedirectResponse(str(request.url.replace(hostname=written)), status_code=303)

    def _rated_here(self, request: Request) -> list[str]:
        """The ratings in which somebody rates with this browser."""
        return [one for one in request.cookies.get(self._cookie, "").split(_BETWEEN) if one]

    def _shown(self, seat: Seat) -> dict[str, Any]:
        shown = self._desk.show(seat)
        return ballot_json(
            ballot=shown.id,
            done=shown.done,
            total=shown.total,
            before=shown.before,
            prompt=shown.prompt,
            left=shown.left,
            right=shown.right,
            chosen=shown.chosen,
            reason=shown.reason,
            is_closed=shown.is_closed,
        )


async def _body(request: Request) -> _Vote:
    """What a vote says.

    Raises:
        InputError: it is none, or larger than a vote is.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BODY:
            raise InputError("That is too long for a vote.")
    try:
        return msgspec.json.decode(body, type=_Vote)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InputError("That is no vote.") from None


def _refused(error: WeighbridgeError) -> Response:
    status = 404 if isinstance(error, UnknownRunError) else 400
    if not isinstance(error, InputError):
        status = 500
    return JSONResponse({"sentence": str(error)}, status_code=status)
