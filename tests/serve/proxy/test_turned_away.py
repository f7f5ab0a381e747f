"""Requests that are refused: whose they were is told, and every one has an id and is counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.serve.proxy.rig import Rig, engine, gateway, post
from tests.wire.conftest import Run
from weighbridge.core.gateway import Grant
from weighbridge.core.routing import KeyEntry, ModelEntry, Rate, RouterConfig
from weighbridge.serve.access.keyed import KeyedAccess
from weighbridge.serve.access.keys import digest
from weighbridge.serve.answers import Answers
from weighbridge.serve.guard import guarded

CONFIG = RouterConfig(models={"m": ModelEntry(url="http://127.0.0.1:1")})
KEYS = (
    (digest(b"wb-alice"), KeyEntry(name="alice", rate=Rate(requests_per_minute=1))),
    (digest(b"wb-root"), KeyEntry(name="root", admin=True)),
)
ALICE = b"Authorization: Bearer wb-alice\r\n"
WRONG = b"Authorization: Bearer wb-mallory\r\n"


async def figures() -> bytes:
    return b"figures 1\n"


def keyed(rig: Rig, folder: Path) -> None:
    """Real keys, and what the gateway answers itself."""
    access = KeyedAccess(CONFIG, KEYS, ledger=folder / "ledger.sqlite")
    answers = Answers(
        CONFIG,
        views=lambda: rig.fleet.views,
        access=access,
        metrics=figures,
        turn_away=rig.plane.turn_away,
    )
    rig.plane.access, rig.plane.extra = access, answers.handlers()


def get(path: bytes, headers: bytes = b"") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: x\r\n%b\r\n" % (path, headers)


def test_who_is_too_fast_is_told(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"m": (e.url,)}) as rig:
            keyed(rig, tmp_path)
            assert [(await rig.ask(post(headers=ALICE)))[0] for _ in range(2)] == [200, 429]
            refused = rig.observer.outcomes[-1]
            assert (refused.status, refused.end, refused.grant.key) == (429, "refused", "alice")
            await rig.ask(post(headers=WRONG))
            assert rig.observer.outcomes[-1].status == 401
            assert rig.observer.outcomes[-1].grant == Grant()

    run(main())


def test_lists_and_figures_use_no_rate_up(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"m": (e.url,)}) as rig:
            keyed(rig, tmp_path)
            asked = (b"/v1/models", b"/v1/models/m", b"/metrics", b"/v1/models")
            seen = [(await rig.ask(get(path, ALICE)))[0] for path in asked]
            assert seen == [200, 200, 403, 200]
            assert (await rig.ask(post(headers=ALICE)))[0] == 200
            assert (await rig.ask(get(b"/v1/models", ALICE)))[0] == 200, "now it is used up"

    run(main())


@pytest.mark.parametrize(
    ("asked", "status", "path", "key"),
    [
        (get(b"/v1/models"), 401, "/v1/models", ""),
        (get(b"/v1/models", WRONG), 401, "/v1/models", ""),
        (get(b"/metrics", ALICE), 403, "/metrics", "alice"),
        (get(b"/v1/models/none", ALICE), 404, "/v1/models/none", "alice"),
        (post(path=b"/v1/models"), 405, "/v1/models", ""),
        (get(b"/v1/embeddings"), 405, "/v1/embeddings", ""),
        (get(b"/wp-login/" + 300 * b"a"), 404, "/wp-login/" + 190 * "a", ""),
    ],
)
def test_every_refusal_has_an_id_and_is_counted(
    run: Run, tmp_path: Path, *, asked: bytes, status: int, path: str, key: str
) -> None:
    async def main() -> None:
        async with gateway({}) as rig:
            keyed(rig, tmp_path)
            got, headers, body = await rig.ask(asked)
            assert got == status
            outcome = rig.outcome
            assert headers["x-request-id"] == outcome.id != ""
            assert (outcome.status, outcome.end, outcome.asked.path) == (status, "refused", path)
            assert outcome.grant.key == key
            assert outcome.reason == json.loads(body)["error"]["message"]
            _, headers, _ = await rig.ask(asked.replace(b"x\r\n", b"x\r\nX-Request-Id: a1\r\n"))
            assert headers["x-request-id"] == rig.observer.outcomes[-1].id == "a1"

    run(main())


def test_so_does_one_by_another_name(run: Run) -> None:
    async def main() -> None:
        async with gateway({}) as rig:
            port = rig.server.address[1]
            rig.server.handler = guarded(rig.plane.handle, port, rig.plane.turn_away)
            status, headers, _ = await rig.ask(get(b"/health"))
            assert (status, headers["x-request-id"]) == (421, rig.outcome.id)

    run(main())
