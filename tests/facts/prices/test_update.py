"""Updating prices from servers that are honest, slow, or anything else; nothing is ever lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.facts.prices.documents import document, many, model
from tests.facts.prices.server import GOOD, OPUS, Server, price_server
from weighbridge.core.errors import (
    ConnectError,
    DeadlineError,
    FormatError,
    InputError,
    ProtocolError,
    StatusError,
    WeighbridgeError,
    WorkspaceError,
)
from weighbridge.facts.prices import load, update
from weighbridge.facts.prices.loading import cache_file
from weighbridge.facts.sources.connections import Patience

TODAY = "2026-11-21"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with price_server() as running:
        yield running


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def updated(server: Server, environment: dict[str, str]) -> update.Update:
    patience = Patience(silence_s=30.0, answer_s=60.0)
    return update.update(today=TODAY, environment=environment, url=server.url, patience=patience)


def test_an_update_counts_from_then_on(server: Server, environment: dict[str, str]) -> None:
    before = load(today=TODAY, environment=environment)
    ends = next(price for price in before.api if price.retires and price.provider == "openai")
    server.body = many(
        1000, anthropic=[OPUS, model("claude-new")], **{ends.provider: [model(ends.model)]}
    )
    done = updated(server, environment)
    assert done.path == cache_file(environment)
    assert (done.models, done.skipped, done.date) == (1003, 0, TODAY)
    assert "anthropic/claude-opus-5" in done.changed
    assert "anthropic/claude-new" in done.new
    assert "openai/gpt-4o" in done.gone
    after = load(today=TODAY, environment=environment)
    opus = after.find_api("anthropic/claude-opus-5")
    assert (opus.price.input, opus.provenance.date) == (6.0, TODAY)
    assert "127.0.0.1" in opus.provenance.source
    assert "secret" not in opus.provenance.source
    assert after.find_api(ends.name).retires == ends.retires  # no list of theirs says that
    again = updated(server, environment)
    assert (again.new, again.gone, again.changed) == ((), (), ())


def lie(**how: object) -> Callable[[Server], None]:
    def change(server: Server) -> None:
        for name, value in how.items():
            setattr(server, name, value)

    return change


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (lie(status=404), InputError, "There is no"),
        (lie(status=500), StatusError, "status 500"),
        (lie(status=403), StatusError, "without permission"),
        (lie(status=302, headers={"Location": "file:///etc/passwd"}), ProtocolError, "not to http"),
        (lie(body=b"<html>Sign in</html>"), FormatError, "no price list"),
        (lie(body=b""), FormatError, "no price list"),
        (lie(body=b"[]"), FormatError, "prices of 0 models"),
        (lie(body=document(us=[model("m")])), FormatError, "it is damaged"),
        (lie(body=many(1000).replace(b"4}", b"0}")), FormatError, "prices of 0 models"),
        (lie(body=b"[" * 300_000), FormatError, "no price list"),
        (lie(body=GOOD[:-1]), FormatError, "no price list"),
        (lie(length=len(GOOD) + 5), ProtocolError, "ended after"),
        (lie(length=10**12), ProtocolError, "more than any price list"),
        (lie(length=-1), ProtocolError, "does not say how long"),
        (lie(headers={"Content-Encoding": "gzip"}), ProtocolError, "compressed"),
    ],
)
def test_a_bad_answer_changes_nothing(
    server: Server,
    environment: dict[str, str],
    change: Callable[[Server], None],
    kind: type[WeighbridgeError],
    says: str,
) -> None:
    updated(server, environment)
    kept = cache_file(environment).read_bytes()
    change(server)
    with pytest.raises(kind, match=says):
        updated(server, environment)
    assert cache_file(environment).read_bytes() == kept
    assert [path.name for path in cache_file(environment).parent.iterdir()] == ["api.jsonl"]


def test_offline_it_says_what_stays_in_use(environment: dict[str, str]) -> None:
    with pytest.raises(ConnectError) as caught:
        update.update(today=TODAY, environment=environment, url="http://127.0.0.1:1/data.json")
    assert "The prices of 2026-11-12 stay in use" in caught.value.fix
    assert "--url" in caught.value.fix


def test_a_server_that_says_nothing_is_given_up_on(environment: dict[str, str]) -> None:
    import socket  # noqa: PLC0415 -- only here

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/data.json"
        with pytest.raises(DeadlineError, match="does not answer"):
            update.update(
                today=TODAY, environment=environment, url=url, patience=Patience(silence_s=0.05)
            )


def test_a_cache_that_cannot_be_written_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="Cannot write"):
        updated(server, {"XDG_CACHE_HOME": str(tmp_path / "file")})


def test_models_that_cannot_be_read_are_counted(
    server: Server, environment: dict[str, str]
) -> None:
    server.body = many(1000, us=[{"id": 7}, model("good")])
    assert updated(server, environment).skipped == 1
