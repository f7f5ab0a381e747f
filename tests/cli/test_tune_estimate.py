from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.cli.runner import weigh
from weighbridge.cli.main import weigh as group

ASKED = ("tune-estimate", "Llama-3.1-8B", "--rank", "8")


def run(*words: str) -> Result:
    return CliRunner().invoke(group, [*words], standalone_mode=False)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_the_table_has_memory_hours_cost_and_what_to_try_first() -> None:
    words = ("--device", "RTX 4090", "--examples", "10k", "--tokens-per-example", "800")
    done = run(*ASKED, *words, "--epochs", "3", "--gpu-price", "0.5")
    assert done.return_value == 0
    for text in (
        "qlora of rank 8 (20.97M weights trained)",
        "5.31 GiB",
        "7.77 GiB of it active in PyTorch",
        "80 % intervals",
        "3.53 hours",
        "1.76 USD",
        "0.500 USD (assumed: --gpu-price",
        "Try first, without training",
        "weigh gate TUNED@REGRESSION BASE@REGRESSION",
    ):
        assert text in done.output, text
    assert "data and evaluation" in done.output


@pytest.mark.parametrize(
    ("tokens", "told"), [("1k", "below 1 second"), ("100k", "54.4 seconds"), ("1M", "9.07 minutes")]
)
def test_a_short_time_is_in_small_units(tokens: str, told: str) -> None:
    done = run(*ASKED, "--device", "RTX 4090", "--tokens", tokens)
    assert told in done.output


def test_no_room_is_exit_code_1_with_what_would_give_it() -> None:
    done = run(*ASKED[:2], "--method", "full", "--device", "RTX 4090")
    assert done.return_value == 1
    assert "no: 23.53 GiB, not even the low end fits" in done.output
    assert "with --method qlora" in done.output


def test_json_on_stdout_talk_on_stderr(tmp_path: Path) -> None:
    words = ("--device", "2x H100 SXM", "--tokens", "24M", "--gpu-price", "2.29")
    done = weigh(*ASKED, *words, "--method", "lora", "--json", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert document["run"]["devices"] == 2
    assert document["tokens"] == 24e6
    assert document["cost"]["usd_per_gpu_hour"]["value"] == 2.29
    assert not (tmp_path / ".weighbridge").exists()


def test_room_is_not_support(tmp_path: Path) -> None:
    done = weigh(*ASKED, cwd=tmp_path)
    assert "Room is not support" in done.err
    (least,) = [line for line in done.out.splitlines() if "GPU that has room" in line]
    assert "A2" in least
    assert "T4" not in least
    (doubted,) = [line for line in done.out.splitlines() if line.startswith("has room, no bf16")]
    assert "T4" in doubted
    assert "may have room, no bf16" in done.out
    told = weigh(*ASKED, "--device", "T4", "--json", cwd=tmp_path)
    document = json.loads(told.out)
    assert document["notes"][0].startswith("T4 (Turing) has no bf16")
    of = {one["name"]: one["doubts"] for one in document["devices"]}
    assert [len(of[name]) for name in ("T4", "Arc B570", "A2")] == [1, 1, 0]


def test_notes_go_to_stderr(tmp_path: Path) -> None:
    done = weigh(*ASKED, cwd=tmp_path)
    assert done.code == 0
    assert "Name a --device" in done.err
    assert "Name a --device" not in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--seq", "0"), "is not a number of tokens"),
        (("--seq", "-5"), "is not a number of tokens"),
        (("--rank", "0"), "not in the range"),
        (("--batch", "1e9"), "not a valid integer"),
        (("--tokens", "0"), "not above 0"),
        (("--tokens", "NaN"), "is not a number"),
        (("--gpu-price", "inf"), "not a number above 0"),
        (("--gpu-price", "0"), "not a number above 0"),
        (("--epochs", "3"), "needs --examples"),
        (("--examples", "10k"), "needs --tokens-per-example"),
        (("--tokens", "1M", "--examples", "5"), "already"),
        (("--labour-hours", "5"), "belong together"),
        (("--labour-hours", "nan", "--labour-rate", "5"), "finite"),
        (("--count", "0"), "not in the range"),
        (("--device", "2x H100 SXM", "--count", "4"), "Say it once"),
        (("--device", "abacus"), "has no device"),
        (("--weights-offload",), "needs several devices"),
        (("--optimizer-in-backward",), "full fine-tuning only"),
        (("--no-checkpointing", "--activation-offload"), "there are none"),
        (("--method", "full"), "--rank is of adapters"),
        (("--precision", "bf16"), "choice of full fine-tuning"),
        (("--expert-adapters",), "no routed experts"),
    ],
)
def test_bad_input_is_a_sentence(words: tuple[str, ...], message: str) -> None:
    done = run(*ASKED, *words)
    assert done.exception is not None
    told = getattr(done.exception, "message", "")
    assert message in f"{told} {done.exception}"


def test_bad_input_is_exit_code_2(tmp_path: Path) -> None:
    done = weigh(*ASKED, "--device", "abacus", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
