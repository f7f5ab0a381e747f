"""The routes of blind ratings: raters by their links, results for whoever is no rater.

A rater's browser gets texts, a ballot's random-looking name and the rater's own count: nothing
that is made of a model's name, of others' votes, or of how long an answer took.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from weighbridge.core.errors import InputError, UnknownRunError, WeighbridgeError
from weighbridge.measure.ratings.tidy import TOLD
from weighbridge.report.index import message_page
from weighbridge.report.rating_page import ballot_json, rater_page, ratings_page, results_page
from weighbridge.verbs import rate as verb
from weighbridge.verbs.rate_desk import Desk, Seat
from weighbridge.workspace.ballots import Ratings

_MOST_BODY = 32 * 1024
_PATH = "/rate"


class _Vote(msgspec.Struct):
    """What the page sends of a ballot."""

    ballot: str
    winner: str
    reason: str = ""


class RatePages:
    """The routes under ``/rate``.

    Args:
        root: the workspace's folder.
        cookie: the name under which a browser remembers that somebody rates in it.
    """

    def __init__(self, root: Path, *, cookie: str) -> None:
        self._root = root
        self._cookie = cookie
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
        if not info.closed and request.cookies.get(self._cookie) == info.id:
            page = message_page(
                "Somebody rates in this browser",
                "The results name the models, so they are not shown here while the rating is open.",
                "End it with `weigh rate close`, or look from another browser.",
            )
            return HTMLResponse(page, status_code=403)
        ballots = self._ratings.ballots(info.id)
        found = verb.results(self._root, info.id)[1] if ballots else None
        return HTMLResponse(results_page(info, found, len(ballots)))

    async def rater(self, request: Request) -> Response:
        """The page of the rater whose link this is."""
        async with self._turn:
            seat = self._desk.seat(request.path_params["token"])
            page = HTMLResponse(rater_page(self._shown(seat), TOLD))
        page.set_cookie(
            self._cookie, seat.info.id, path=_PATH, httponly=True, samesite="strict",
            max_age=30 * 86400,
        )  # fmt: skip
        return page

    async def vote(self, request: Request) -> Response:
        """Keep a ballot and show the next."""
        async with self._turn:
            try:
                seat = self._desk.seat(request.path_params["token"])
                told = await _body(request)
                kept = self._desk.vote(seat, told.ballot, told.winner, told.reason)
            except WeighbridgeError as error:
                return _refused(error)
            if kept:
                return JSONResponse({"next": self._shown(seat)})
            said = "That ballot was no longer open; this one is."
            return JSONResponse({"next": self._shown(seat), "sentence": said}, status_code=409)

    async def undo(self, request: Request) -> Response:
        """Take the last ballot back and show it again."""
        async with self._turn:
            try:
                seat = self._desk.seat(request.path_params["token"])
                self._desk.undo(seat)
            except WeighbridgeError as error:
                return _refused(error)
            return JSONResponse({"next": self._shown(seat)})

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
