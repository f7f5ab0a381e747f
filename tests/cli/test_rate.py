from __future__ import annotations

import json
from pathlib import Path

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
    assert "Cohen's kappa 1.000" in shown.out
    found = json.loads(weigh("rate", "results", "--json", cwd=tmp_path).out)
    assert found["counts"] == {"a": 18, "b": 6, "tie": 0, "both_bad": 0}
    assert [one["model"] for one in found["ratings"]] == ["x", "y"]
    assert set(found["ratings"][0]) >= {"model", "elo", "low", "high"}
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


def test_votes_on_one_input_have_no_bounds(tmp_path: Path) -> None:
    rows = [f"1,r{n},x,y,{'a' if n else 'b'}" for n in range(3)]
    (tmp_path / "votes.csv").write_text("item,rater,a,b,winner\n" + "\n".join(rows), "utf-8")
    weigh("rate", "import", "votes.csv", cwd=tmp_path)
    outcome = weigh("rate", "results", "--json", cwd=tmp_path)
    assert "Infinity" not in outcome.out
    found = json.loads(outcome.out)
    assert found["ratings"][-1]["low"] is None
    assert weigh("rate", "results", cwd=tmp_path).code == 0


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
    assert found["resumed"] is True
    assert found["power"]["wins_needed"] == 33
    path = found["raters"][0]["path"]
    assert path in outcome.out
    status = json.loads(weigh("rate", "status", "--json", cwd=tmp_path).out)
    assert status["raters"] == [{"rater": "Ada", "given": 0, "path": path}]
    assert path not in weigh("rate", "invite", "Bob", cwd=tmp_path).out
    assert weigh("rate", "results", cwd=tmp_path).code == 2
    assert "closed" in weigh("rate", "close", cwd=tmp_path).out
    assert json.loads(weigh("rate", "status", "--json", cwd=tmp_path).out)["state"] == "closed"
