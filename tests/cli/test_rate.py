from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import weigh
from tests.fakes.llm_server import Behaviour, fake_llm_thread

VOTES = "item,rater,a,b,winner,task\n" + "".join(
    f"{n},{rater},x,y,{'a' if n % 4 else 'b'},{'code' if n % 2 else 'prose'}\n"
    for n in range(24)
    for rater in ("p", "q")
)


def test_votes_come_in_and_tell(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text(VOTES, encoding="utf-8")
    outcome = weigh("rate", "import", "votes.csv", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "48 votes on 24 inputs and 2 models" in outcome.out
    shown = weigh("rate", "results", cwd=tmp_path)
    assert shown.code == 0, shown.err
    assert "24 comparisons of 2 models by 2 raters" in shown.out
    assert "They come of 48 votes: those of several raters on the same two" in shown.out
    assert "wins   comparisons" in shown.out
    assert "Cohen's kappa 1.000" in shown.out
    assert "18 for x, 6 for y, 0 ties, 0 times both bad" in shown.out
    found = json.loads(weigh("rate", "results", "--json", cwd=tmp_path).out)
    assert found["counts"] == {"a": 18, "b": 6, "tie": 0, "both_bad": 0}
    assert [one["model"] for one in found["ratings"]] == ["x", "y"]
    assert found["sides"] == ["x", "y"]
    assert found["davidson"] is None
    (difference,) = found["differences"]
    assert (difference["a"], difference["b"]) == ("y", "x")
    assert difference["sentence"] in shown.out
    assert difference["p"] == difference["p_adjusted"]
    assert set(found["ratings"][0]) >= {"model", "elo", "low", "high"}
    # 48 votes of two raters are 24 comparisons, in which both models take part.
    assert sum(found["votes"].values()) == 48
    assert [(one["comparisons"], one["wins"]) for one in found["ratings"]] == [(24, 18), (24, 6)]
    assert "votes" not in found["ratings"][0]
    assert [one["task"] for one in found["tasks"]] == ["code", "prose"]
    again = weigh("rate", "export", cwd=tmp_path).out
    (tmp_path / "again.csv").write_text(again, encoding="utf-8")
    assert weigh("rate", "import", "again.csv", cwd=tmp_path).code == 0
    same = json.loads(weigh("rate", "results", "--json", cwd=tmp_path).out)
    assert same["rating"] != found["rating"]
    listed = json.loads(weigh("rate", "list", "--json", cwd=tmp_path).out)["ratings"]
    assert [one["rating"] for one in listed] == [same["rating"], found["rating"]]
    assert listed[0]["votes"] == 48
    assert found["rating"] in weigh("rate", "list", cwd=tmp_path).out
    assert same["ratings"] == found["ratings"]


def test_ties_have_a_model_of_their_own_and_pairs_are_many(tmp_path: Path) -> None:
    winners = {"xy": "aaaaaaaaaab", "yz": "attttttttttb", "xz": "aaaaaatttttb"}
    rows = [
        f"{pair}{n},p,{pair[0]},{pair[1]},{'tie' if one == 't' else one}"
        for pair, told in winners.items()
        for n, one in enumerate(told)
    ]
    (tmp_path / "votes.csv").write_text("item,rater,a,b,winner\n" + "\n".join(rows), "utf-8")
    weigh("rate", "import", "votes.csv", cwd=tmp_path)
    found = json.loads(weigh("rate", "results", "--json", cwd=tmp_path).out)
    assert found["sides"] is None
    pairs = found["differences"]
    assert len(pairs) == len(found["davidson"]["differences"]) == 3
    smallest = min(pairs, key=lambda one: one["p"])
    assert smallest["p_adjusted"] == pytest.approx(3 * smallest["p"])
    assert found["davidson"]["nu_low"] < found["davidson"]["nu"] < found["davidson"]["nu_high"]
    plain = weigh("rate", "results", cwd=tmp_path).out
    tied = weigh("rate", "results", "--model", "davidson", cwd=tmp_path).out
    assert "20 decided, 15 ties" in plain.replace("\n", " ")
    assert all(one["sentence"] in plain for one in pairs)
    assert all(one["sentence"] in tied for one in found["davidson"]["differences"])
    assert "Verdicts allow for 3 comparisons (Holm); intervals do not." in plain
    assert "Davidson's model, in which ties" in plain


def test_votes_on_one_input_have_no_bounds(tmp_path: Path) -> None:
    rows = [f"1,r{n},x,y,{'a' if n else 'b'}" for n in range(3)]
    (tmp_path / "votes.csv").write_text("item,rater,a,b,winner\n" + "\n".join(rows), "utf-8")
    weigh("rate", "import", "votes.csv", cwd=tmp_path)
    outcome = weigh("rate", "results", "--json", cwd=tmp_path)
    assert "Infinity" not in outcome.out
    found = json.loads(outcome.out)
    assert found["ratings"][-1]["low"] is None
    shown = weigh("rate", "results", cwd=tmp_path)
    assert shown.code == 0
    assert "interval unknown" in shown.out


def test_what_is_not_there(tmp_path: Path) -> None:
    outcome = weigh("rate", "results", cwd=tmp_path)
    assert outcome.code == 2
    assert "no ratings" in outcome.err
    (tmp_path / "votes.csv").write_text("item,rater\n1,2\n", encoding="utf-8")
    outcome = weigh("rate", "import", "votes.csv", cwd=tmp_path)
    assert outcome.code == 2
    assert "no column a, b, winner" in outcome.err


def test_a_rating_from_start_to_end(tmp_path: Path) -> None:
    rows = [{"id": str(n), "prompt": f"Question {n}"} for n in range(50)]
    (tmp_path / "sample.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    said = iter(range(1000))
    with fake_llm_thread(lambda *_: Behaviour(text=f"Answer {next(said)}")) as url:
        words = ("rate", "start", "--inputs", "sample.jsonl", "--models", "x,y", "--url", url)
        outcome = weigh(*words, "--no-serve", "--rater", "Ada", cwd=tmp_path)
        assert outcome.code == 0, outcome.err
        assert "50 ballots on a pair without ties: 33 must go one way" in outcome.out
        assert "70 % of the time" in outcome.out
        found = json.loads(weigh(*words, "--rater", "Ada", "--json", cwd=tmp_path).out)
        proxied = (*words, "--no-serve", "--rater", "Ada", "--public")
        started = weigh(*proxied, "https://Rate.example.org:443/", cwd=tmp_path)
        assert weigh(*proxied, "rate.example.org", cwd=tmp_path).code == 2
        assert weigh(*proxied, "https://rate.example.org/x", cwd=tmp_path).code == 2
    assert found["resumed"] is True
    assert found["power"]["wins_needed"] == 33
    path = found["raters"][0]["path"]
    assert path in outcome.out
    status = json.loads(weigh("rate", "status", "--json", cwd=tmp_path).out)
    assert status["raters"] == [{"rater": "Ada", "given": 0, "path": path}]
    assert f"Ada rates at {path} of `weigh ui`" in outcome.out, "nobody serves it yet"
    assert "Ada rates at https://rate.example.org/rate/by/" in started.out
    assert path not in weigh("rate", "invite", "Bob", cwd=tmp_path).out
    invited = json.loads(weigh("rate", "invite", "Bob", "--json", cwd=tmp_path).out)
    assert (invited["rater"], invited["path"].startswith("/rate/by/")) == ("Bob", True)
    assert weigh("rate", "invite", "", cwd=tmp_path).code == 2
    assert weigh("rate", "results", cwd=tmp_path).code == 2
    closed = json.loads(weigh("rate", "close", "--json", cwd=tmp_path).out)
    assert (closed["state"], bool(closed["closed"])) == ("closed", True)
    assert "closed" in weigh("rate", "close", cwd=tmp_path).out
    assert json.loads(weigh("rate", "status", "--json", cwd=tmp_path).out)["state"] == "closed"
