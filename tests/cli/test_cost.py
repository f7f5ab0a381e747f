"""`weigh cost`, as a user runs it."""

from __future__ import annotations

import io
import json
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from tests.cli.runner import Outcome, runs
from tests.cli.runner import weigh as run
from weighbridge.cli import diagnostics
from weighbridge.cli import main as cli

L4 = ("cost", "--gpu-price", "0.44", "--tokens-per-s", "1M", "--volume", "20M-tokens/day")


@pytest.fixture(autouse=True)
def _own_prices_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("WEIGHBRIDGE_PRICES", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


def weigh(*words: str, cwd: Path) -> Outcome:
    """The command in this process, which is quicker; one test below runs it as users do."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), chdir(cwd):
        code = diagnostics.guarded(
            lambda: cli.weigh.main(list(words), prog_name="weigh", standalone_mode=False),
            debug=False,
        )
    return Outcome(code, out.getvalue(), err.getvalue())


def test_a_row_of_the_published_table(tmp_path: Path) -> None:
    # An L4 at 0.44 USD an hour around the clock, 3:1 in:out: million tokens a day at break-even.
    prices = ("0.02/0.05", "0.12/0.24", "0.40/3.0", "0.23/0.40", "2/10", "5/25", "10/50")
    apis = [word for price in prices for word in ("--api", price)]
    done = run(*L4, "--prompt", "750", "--output", "250", *apis, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    found = json.loads(done.out)["break_even"]
    assert [one["against"] for one in found] == list(prices)
    assert all(one["within_capacity"] for one in found)
    told = [one["tokens_per_day"] / 1e6 for one in found]
    assert [round(one) for one in told[:4]] == [384, 70, 10, 39]
    assert [round(one, 1) for one in told[4:]] == [2.6, 1.1, 0.5]
    assert [name.rpartition("-")[0] for name in runs(tmp_path)] == ["cost"]


def test_tables_and_the_answer_in_words(tmp_path: Path) -> None:
    done = weigh(
        *L4, "--api", "big=2/10", "--same-model-api", "host=0.02/0.05", "--model", "m",
        "--ops", "100..200..300", "--slots", "32", "--service", "6", "--ha", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    for said in (
        "20.0M tokens a day in 20.0k requests, busiest hour 1.97 times the mean",
        "m on rented GPU",
        "assumed: given on the command line",
        "m on rented GPU minus big: what moves",
        "m on rented GPU is cheaper than big by $1,592 a month",
        "m on rented GPU against big: cheaper from 6.92M tokens a day on.",
        "m on rented GPU against host: no break-even within the capacity of 256 replicas",
        "API output price above 5.48 USD per million; now it is 0.0500 USD per million",
        "10,000 draws, seed 0.",
    ):
        assert said in done.out
    listed = weigh("runs", "--kind", "cost", cwd=tmp_path)
    assert "20.0M tokens/day on GPU" in listed.out


def test_too_much_for_the_gpus_is_a_no_with_a_sentence(tmp_path: Path) -> None:
    done = weigh(
        "cost", "--gpu-price", "1", "--tokens-per-s", "100", "--volume", "1B-tokens/day",
        "--max-gpus", "4", "--api", "2/10", "--csv", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 1
    assert "the model on rented GPU cannot serve 1.00B tokens a day with 4 GPUs" in done.err
    assert done.out.startswith("option,line,usd_per_month")


def test_a_model_that_no_way_to_serve_meets_is_a_no(tmp_path: Path) -> None:
    done = weigh(
        "cost", "--volume", "1M-tokens/day", "--model", "Qwen3-32B", "--device", "T4", "--api",
        "2/10", "--quantization", "bf16", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 1
    assert "Nothing meets all of that on T4" in done.err
    assert not done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "How much traffic"),
        (("--volume", "many"), "'many' is no volume"),
        ((*L4[1:], "--api", "nobody/nothing"), "No price of 'nobody/nothing' is known"),
        ((*L4[1:], "--api", "free=0/0"), "price of 0"),
        ((*L4[1:], "--gpu-price", "nan"), "is no quantity"),
        ((*L4[1:], "--profile", "absent.csv"), "cannot be read"),
        ((*L4[1:], "--cached", "150%"), "may be 1 at most"),
        ((*L4[1:], "--from-run", "load-none"), "There is no load run"),
        ((*L4[1:], "--prices", "absent.toml"), "absent.toml"),
        ((*L4[1:], "--json", "--csv"), "exclude each other"),
    ],
)
def test_bad_input_is_told_and_leaves_nothing(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = weigh("cost", *words, cwd=tmp_path)
    assert done.code == 2
    assert said in done.err
    assert not done.out
    assert not runs(tmp_path)


def test_the_same_seed_gives_the_same_document(tmp_path: Path) -> None:
    words = (*L4, "--api", "1..2/8..12", "--draws", "500", "--json")

    def document(*more: str) -> object:
        found = json.loads(weigh(*words, *more, cwd=tmp_path).out)
        return {key: found[key] for key in ("options", "comparisons", "break_even")}

    assert document("--seed", "5") == document("--seed", "5")
    assert document("--seed", "5") != document("--seed", "6")


def test_the_example_of_the_documentation_runs() -> None:
    text = (Path(__file__).parents[2] / "docs/cost.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(code, "docs/cost.md", "exec"), {})  # noqa: S102 -- our own documentation
    assert out.getvalue().startswith("own is cheaper than api by $2,")


def test_what_is_bought_takes_cash(tmp_path: Path) -> None:
    done = weigh(
        "cost", "--volume", "20M-tokens/day", "--tokens-per-s", "500", "--owned", "2500", "--host",
        "1000", "--watts", "400", "--idle-watts", "50", "--model", "m", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "m on owned GPU takes $3,500 in cash at the beginning." in done.out
    assert "Not compared with the same open model at a host" in done.out


def test_two_devices_are_two_questions(tmp_path: Path) -> None:
    for flag in ("--device", "--model"):
        done = weigh(*L4, flag, "L4", flag, "H100 SXM", cwd=tmp_path)
        assert done.code == 2
        assert f"{flag} is given 2 times, 'L4' and 'H100 SXM'" in done.err


def test_a_no_is_told_in_json_too(tmp_path: Path) -> None:
    done = weigh(
        "cost", "--volume", "1M-tokens/day", "--model", "Qwen3-32B", "--device", "T4",
        "--quantization", "bf16", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 1
    found = json.loads(done.out)
    assert found["run"] is None
    assert found["verdict"][0].startswith("Nothing meets all of that on T4")


def test_no_range_no_chance_and_pass_rates_decide(tmp_path: Path) -> None:
    done = weigh(
        "cost", "--volume", "8M-tokens/day", "--tokens-per-s", "1000", "--gpu-price", "1", "--api",
        "h=2/10", "--pass-rate", "50%", "--pass-rate", "h=95%", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads(done.out)["comparisons"][0]
    assert found["p_self_cheaper"] is None
    assert found["per_accepted"]
    assert "h is cheaper than the model on rented GPU by $436 a month" in found["verdict"]


def test_what_is_beyond_the_gpus_allowed_is_marked_where_it_first_stands(tmp_path: Path) -> None:
    done = weigh(
        "cost", "--gpu-price", "1", "--tokens-per-s", "100", "--volume", "1B-tokens/day",
        "--max-gpus", "4", "--api", "2/10", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 1
    first, _, rest = done.out.partition("Bills")
    assert "the model on rented GPU (more GPUs than allowed)" in first
    assert "the model on rented GPU (more GPUs than allowed)" in rest.partition("Machines")[2]


def test_prices_without_a_range_have_no_interval(tmp_path: Path) -> None:
    done = weigh(
        *L4, "--gpu-price", "0.4..0.5", "--api", "2/10", "--pass-rate", "85..90%", cwd=tmp_path
    )
    assert done.code == 0, done.err
    bills = done.out.partition("Bills")[0]
    (api,) = [line for line in bills.splitlines() if line.strip().startswith("2/10")]
    assert "[" not in api
    (own,) = [line for line in bills.splitlines() if line.strip().startswith("the model on")]
    assert "[" in own


def test_a_pass_rate_that_is_not_compared_makes_nothing_surer(tmp_path: Path) -> None:
    asked = (
        "cost", "--volume", "10M-tokens/day", "--tokens-per-s", "500", "--gpu-price", "1",
        "--api", "0.1/0.2", "--pass-rate", "85..90%",
    )  # fmt: skip
    done = weigh(*asked, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "no range was given for anything that counts, so nothing says how sure" in done.out
    assert "of the draws." not in done.out
    told = json.loads(weigh(*asked, "--json", cwd=tmp_path).out)
    assert told["comparisons"][0]["p_self_cheaper"] is None


def test_batches_read_from_the_cache_at_the_price_of_the_book(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(
        "date = 2026-11-01\nsource = 'contract'\n"
        "[[api]]\nprovider = 'acme'\nmodel = 'foo'\ninput = 2.0\noutput = 10.0\n"
        "cached = 0.2\nbatch = {input = 1.0, output = 5.0, cached = 0.05}\n"
        "[[api]]\nprovider = 'acme'\nmodel = 'bar'\ninput = 2.0\noutput = 10.0\n"
        "cached = 0.2\nbatch = {input = 1.0, output = 5.0}\n"
    )
    done = weigh(
        *L4, "--prices", "prices.toml", "--api", "acme/foo", "--api", "acme/bar", "--cached", "40%",
        "--batch", "100%", "--prompt", "750", "--output", "250", "--json", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads(done.out)
    usd = {
        (option["name"], line["name"]): line["usd_per_month"]["value"]
        for option in found["options"]
        for line in option["lines"]
    }
    millions = 20_000 * 30.4375 * 750 / 1e6
    assert usd["acme/foo", "prompt in batches"] == pytest.approx(0.6 * millions)
    assert usd["acme/foo", "batches' prompt read from cache"] == pytest.approx(0.02 * millions)
    assert usd["acme/bar", "prompt in batches"] == pytest.approx(millions)
    (said,) = [note for note in found["notes"] if "cached prompts in batches" in note]
    assert said.startswith("No price of acme/bar is known for cached prompts in batches")


def test_a_gpu_of_ones_own_at_one_figure(tmp_path: Path) -> None:
    done = weigh(
        "cost", "--volume", "20M-tokens/day", "--tokens-per-s", "500", "--device", "RTX 5090",
        "--owned-monthly", "154", "--api", "2/10", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "GPUs, all in" in done.out
    assert "cheaper than 2/10 by $2,281 a month; no range was given" in done.out
    assert "% of the draws." not in done.out
