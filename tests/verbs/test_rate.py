from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from scipy.stats import binom

from tests.fakes.clock import FakeClock
from tests.fakes.llm_server import Behaviour, FakeUrl, fake_llm_thread
from weighbridge.core.ballots import Ballot
from weighbridge.core.errors import EndpointError, InputError
from weighbridge.verbs import rate, rate_results, rate_start
from weighbridge.verbs.effects import Silent
from weighbridge.verbs.rate_desk import Desk
from weighbridge.verbs.rate_start import Started, StartSettings, endpoints_of
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest
from weighbridge.workspace.ballots import Ratings


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample.jsonl"
    rows = [{"id": f"i{n}", "prompt": f"Question {n}", "task": "t"} for n in range(11)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def answering(request: ServerRequest, _: int) -> Behaviour:
    body = msgspec.json.decode(request.body)
    said = body["messages"][-1]["content"]
    return Behaviour(text=f"<think>hm</think> {body['model']} says: {said}")


def start(root: Path, sample: Path, url: str, **settings: object) -> Started:
    async def work() -> Started:
        async with Client() as client:
            return await rate_start.start(
                root, client, FakeClock(), sample, endpoints_of("big,tiny", url, None),
                settings=StartSettings(**settings),  # type: ignore[arg-type]
                progress=Silent(),
            )  # fmt: skip

    return asyncio.run(work())


def judged(root: Path, url: FakeUrl, *, only_rated: bool = False) -> tuple[int, int]:
    async def work() -> tuple[int, int]:
        async with Client() as client:
            found = await rate_start.judge(
                root, client, FakeClock(), None, endpoints_of("judge,x", url, None)["judge"],
                only_rated=only_rated, concurrency=2, max_tokens=64, progress=Silent(),
            )  # fmt: skip
            return found.judged, found.missing

    return asyncio.run(work())


def test_answers_are_made_once_and_an_interruption_costs_nothing(
    tmp_path: Path, sample: Path
) -> None:
    broken = iter([False] * 6 + [True] * 40)

    def fails_later(request: ServerRequest, number: int) -> Behaviour:
        return Behaviour("status", status=400) if next(broken) else answering(request, number)

    with fake_llm_thread(fails_later) as url:
        first = start(tmp_path, sample, url, seed=3, concurrency=1)
    assert first.answers == 6
    assert "16 answers failed" in first.notes[0]
    with fake_llm_thread(answering) as again:
        # Another port is another server: the address tells models of one name apart.
        endpoints = endpoints_of("big,tiny", again, None)
        assert str(endpoints["big"].base) != str(endpoints_of("big,x", url, None)["big"].base)
        second = start(tmp_path, sample, again)
        assert (second.answers, second.resumed, len(again.requests)) == (22, False, 22)
        third = start(tmp_path, sample, again, raters=("rater", "Ada"))
        assert (third.resumed, len(again.requests)) == (True, 22)
    assert third.info.id == second.info.id
    assert [one.name for one in third.raters] == ["rater", "Ada"]
    assert third.raters[0] == second.raters[0]
    # Two raters of the same eleven comparisons are not twenty-two votes.
    assert third.power.ballots == 11
    assert third.power.rate is not None
    assert "10 must go one way" in rate.power_sentence(third.power)


def test_failed_answers_are_asked_again(tmp_path: Path, sample: Path) -> None:
    is_broken = True

    def choose(request: ServerRequest, number: int) -> Behaviour:
        if is_broken and number % 5 == 4:
            return Behaviour("status", status=400)
        return answering(request, number)

    with fake_llm_thread(choose) as url:
        first = start(tmp_path, sample, url)
        assert first.answers == 18
        is_broken = False
        second = start(tmp_path, sample, url)
        assert second.info.id == first.info.id
        assert second.answers == 22
        assert len(url.requests) == 22 + 4


def test_a_model_that_answers_nothing_is_said_at_once(tmp_path: Path, sample: Path) -> None:
    with fake_llm_thread(Behaviour("status", status=400)) as url, pytest.raises(EndpointError):
        start(tmp_path, sample, url)
    assert len(url.requests) < 22


def test_the_desk_keeps_what_is_voted_and_nothing_else(tmp_path: Path, sample: Path) -> None:
    with fake_llm_thread(answering) as url:
        begun = start(tmp_path, sample, url, seed=5)
    desk = Desk(tmp_path)
    seat = desk.seat(begun.raters[0].token)
    shown = desk.show(seat)
    assert "<think>" not in shown.left + shown.right
    assert not desk.vote(seat, "another", "a", "")
    assert not desk.vote(seat, "", "a", "")
    with pytest.raises(InputError, match="no vote"):
        desk.vote(seat, shown.id, "c", "")
    with pytest.raises(InputError, match="characters"):
        desk.vote(seat, shown.id, "a", "x" * 3000)
    assert desk.vote(seat, shown.id, "a", " clearer ")
    assert not desk.vote(seat, shown.id, "a", ""), "a ballot counts once"
    (kept,) = rate.ballots_of(tmp_path, begun.info.id)
    assert (kept.winner, kept.reason, kept.task) == ("a", "clearer", "t")
    assert desk.undo(seat)
    assert not desk.undo(seat)
    back = desk.show(seat)
    assert (back.id, back.chosen, back.reason) == (shown.id, "a", "clearer")
    # Two steps back, and both ballots say again what was said.
    desk.vote(seat, back.id, "a", "clearer")
    second = desk.show(seat)
    desk.vote(seat, second.id, "both_bad", "neither")
    assert desk.undo(seat)
    assert desk.undo(seat)
    back = desk.show(seat)
    assert (back.id, back.chosen, back.reason) == (shown.id, "a", "clearer")
    desk.vote(seat, back.id, "b", "")
    back = desk.show(seat)
    assert (back.id, back.chosen, back.reason) == (second.id, "both_bad", "neither")
    desk.vote(seat, back.id, "both_bad", "neither")
    assert desk.show(seat).chosen is None
    with pytest.raises(InputError, match="not one of a rating"):
        desk.seat("x" * 32)


def test_what_waits_stays_whatever_others_vote(tmp_path: Path, sample: Path) -> None:
    with fake_llm_thread(answering) as url:
        begun = start(tmp_path, sample, url, raters=("p", "q"))
    desk = Desk(tmp_path)
    p, q = (desk.seat(one.token) for one in begun.raters)
    desk.vote(p, desk.show(p).id, "a", "")
    waiting = desk.show(p)
    for _ in range(11):
        desk.vote(q, desk.show(q).id, "b", "")
    assert desk.show(q).id == ""
    assert desk.show(p) == waiting
    assert Desk(tmp_path).show(p) == waiting, "a restart changes nothing"


def test_ids_tell_nothing_without_the_secret(tmp_path: Path, sample: Path) -> None:
    with fake_llm_thread(answering) as url:
        begun = start(tmp_path, sample, url, raters=("p", "q"), seed=1)
    desk = Desk(tmp_path)
    ids = set()
    for one in begun.raters:
        seat = desk.seat(one.token)
        while (shown := desk.show(seat)).id:
            ids.add(shown.id)
            desk.vote(seat, shown.id, "tie", "")
    assert len(ids) == 22, "no two ballots share a name, not even on the same answers"


def test_a_judge_votes_beside_the_people(tmp_path: Path, sample: Path) -> None:
    with fake_llm_thread(answering) as url:
        begun = start(tmp_path, sample, url)
    desk = Desk(tmp_path)
    seat = desk.seat(begun.raters[0].token)
    for _ in range(7):
        shown = desk.show(seat)
        desk.vote(seat, shown.id, "a" if "big" in shown.left else "b", "")

    def verdict(request: ServerRequest, _: int) -> Behaviour:
        prompt = msgspec.json.decode(request.body)["messages"][0]["content"]
        if "Question 3" in prompt:
            return Behaviour(text="[[A]]")  # whatever stands first
        if "Question 4" in prompt:
            return Behaviour(text="I do not know.")
        return Behaviour(text="[[A]]" if "big" in prompt.split("Answer B")[0] else "[[B]]")

    with fake_llm_thread(verdict) as judge:
        rated, missing = judged(tmp_path, judge, only_rated=True)
        assert rated == 7
        assert judged(tmp_path, judge)[0] == 4 + missing
        assert len(judge.requests) == 2 * (11 + missing)
        names = [body["messages"][0]["content"].count("tiny") for body in judge.bodies]
        assert set(names) == {1}, "the names are only in what the models wrote"
    found = rate_results.results(tmp_path).results
    assert found.counts.total == 7
    assert found.counts.a == 7, "a is the first of --models, whatever the sides"
    (one,) = found.judges
    assert (one.counts.a, one.counts.tie) == (9, 1)
    assert one.inconsistency is not None
    assert one.inconsistency.value == pytest.approx(0.1)
    assert one.agreement is not None
    assert one.agreement.n in (6, 7)
    assert "Infinity" not in json.dumps(rate_results.results_json(rate_results.results(tmp_path)))
    told = rate_start.status(tmp_path)
    assert [count for _, count in told.raters] == [7]
    assert told.judged == {"judge": 10}


def test_closing_ends_it(tmp_path: Path, sample: Path) -> None:
    with fake_llm_thread(answering) as url:
        begun = start(tmp_path, sample, url)
        desk = Desk(tmp_path)
        seat = desk.seat(begun.raters[0].token)
        ballot = desk.show(seat).id
        rate_start.close(tmp_path, None)
        assert not desk.vote(desk.seat(begun.raters[0].token), ballot, "a", "")
        assert not Ratings(tmp_path).ballots(begun.info.id)
        with pytest.raises(InputError, match="is closed"):
            rate_start.invite(tmp_path, None, "Eve")
        assert start(tmp_path, sample, url).info.id != begun.info.id


@pytest.mark.parametrize(
    ("models", "url", "said"),
    [("a", "http://h:1", "two models"), ("a,b", None, "no address"), ("a,a", "http://h:1", "twice"),
     ("a=http://h:1,b", None, "no address")],
)  # fmt: skip
def test_models_that_cannot_be_asked(models: str, url: str | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        endpoints_of(models, url, None)


def test_models_at_addresses_of_their_own() -> None:
    found = endpoints_of("a=http://h:1,b=http://g:2/v1", None, "k")
    assert [str(one.chat) for one in found.values()] == [
        "http://h:1/v1/chat/completions", "http://g:2/v1/chat/completions",
    ]  # fmt: skip


def test_a_rating_that_only_judges_have_voted_in(tmp_path: Path, sample: Path) -> None:
    with fake_llm_thread(answering) as url:
        begun = start(tmp_path, sample, url)
    Ratings(tmp_path).add_ballot(
        begun.info.id, Ballot("i0", "judge", "big", "tiny", "a", judge=True)
    )
    found = rate_results.results(tmp_path).results
    assert found.ratings is None
    assert found.judges[0].counts.a == 1


def test_a_resumed_start_asks_for_as_many_ballots_as_it_is_told(
    tmp_path: Path, sample: Path
) -> None:
    with fake_llm_thread(answering) as url:
        begun = start(tmp_path, sample, url, seed=5)
        desk = Desk(tmp_path)
        assert desk.show(desk.seat(begun.raters[0].token)).total == 11
        again = start(tmp_path, sample, url, seed=5, ballots=3)
        assert (again.info.id, again.info.target) == (begun.info.id, 3)
        assert desk.show(desk.seat(begun.raters[0].token)).total == 3
        assert start(tmp_path, sample, url).info.target == 3
        with pytest.raises(InputError, match="another seed"):
            start(tmp_path, sample, url, seed=6)


def test_raters_have_names(tmp_path: Path, sample: Path) -> None:
    with fake_llm_thread(answering) as url:
        with pytest.raises(InputError, match="needs a name"):
            start(tmp_path, sample, url, raters=("Ada", " "))
        assert not url.requests
        start(tmp_path, sample, url)
    with pytest.raises(InputError, match="needs a name"):
        rate_start.invite(tmp_path, None, "")


def test_what_is_the_same_counts_where_it_is_said(tmp_path: Path, sample: Path) -> None:
    def parrot(request: ServerRequest, _: int) -> Behaviour:
        body = msgspec.json.decode(request.body)
        number = int(body["messages"][-1]["content"].rpartition(" ")[2])
        if number == 10 and body["model"] == "tiny":
            return Behaviour(text="<think>Let me see")
        return Behaviour(text="Yes." if number < 6 else f"By {body['model']}")

    with fake_llm_thread(parrot) as url:
        begun = start(tmp_path, sample, url)
    assert any("1 answer ended before the thinking did (1 of tiny)" in one for one in begun.notes)
    assert any(one.startswith("6 pairs of answers are word for word") for one in begun.notes)
    desk = Desk(tmp_path)
    seat = desk.seat(begun.raters[0].token)
    while (shown := desk.show(seat)).id:
        assert "<think>" not in shown.left + shown.right
        desk.vote(seat, shown.id, "a" if "big" in shown.left else "b", "it knows")
    report = rate_results.results(tmp_path)
    (alike,) = report.alike
    assert (alike.a, alike.b, alike.n, alike.inputs) == ("big", "tiny", 6, 10)
    assert alike.rate is not None
    assert alike.rate.value == pytest.approx(0.7)  # four wins, six ties
    assert any("With them as ties big wins 70 %" in one for one in report.results.notes)
    assert any("before the thinking did" in one for one in report.results.notes)
    assert [one.reason for one in report.reasons] == ["it knows"] * 4
    document = rate_results.results_json(report)
    assert document["alike"][0]["models"] == ["big", "tiny"]
    assert document["reasons"][0]["reason"] == "it knows"


def test_a_judge_of_itself_is_named(tmp_path: Path, sample: Path) -> None:
    with fake_llm_thread(answering) as url:
        start(tmp_path, sample, url)

    async def work(name: str) -> rate_start.JudgedAll:
        async with Client() as client:
            return await rate_start.judge(
                tmp_path, client, FakeClock(), None, endpoints_of(f"{name},x", url, None)[name],
                only_rated=False, concurrency=2, max_tokens=64, progress=Silent(),
            )  # fmt: skip

    with fake_llm_thread(Behaviour(text="[[A]]")) as url:
        assert asyncio.run(work("other")).notes == ()
        (note,) = asyncio.run(work("big")).notes
    assert "the name of one of the models it judges" in note
    assert note in rate_results.results(tmp_path).results.notes


def test_contradicting_votes_are_imported_with_a_word(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("item,rater,a,b,winner\n1,p,x,y,a\n1,p,y,x,a\n", encoding="utf-8")
    found = rate.import_votes(tmp_path / "ws", path)
    assert found.votes == 2
    (note,) = found.notes
    assert "on 1 pair of answers" in note
    assert "p on 1, x against y, who voted x and y." in note


def test_what_ballots_can_tell_allows_for_all_pairs_as_the_results_do() -> None:
    alone, of_three = rate.power_of(50), rate.power_of(50, pairs=3)
    assert (alone.wins, of_three.wins) == (33, 34)
    assert alone.rate == pytest.approx(0.70, abs=0.005)
    assert of_three.rate is not None
    at_least = binom.sf(33, 50, of_three.rate)
    assert at_least == pytest.approx(0.8, abs=0.001)
    assert 2 * binom.sf(33, 50, 0.5) <= 0.05 / 3 < 2 * binom.sf(32, 50, 0.5)
    assert "differ from chance (3 pairs allowed for), and" in rate.power_sentence(of_three)
    assert "allowed for" not in rate.power_sentence(alone)
    assert rate.power_sentence(rate.power_of(5)) == (
        "5 ballots on a pair of models can show nothing: 6 are the least."
    )
    assert "7 are the least (3 pairs" in rate.power_sentence(rate.power_of(6, pairs=3))
