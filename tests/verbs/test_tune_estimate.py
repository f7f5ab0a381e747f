from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from weighbridge.core.errors import InputError
from weighbridge.core.prices import GpuOffer
from weighbridge.core.provenance import Provenance
from weighbridge.core.tuning import TuningRun
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.devices.described import parse_machine
from weighbridge.facts.prices.lookup import Prices
from weighbridge.verbs.tune_estimate import TuningEstimate, estimate, smallest
from weighbridge.verbs.tune_json import to_json
from weighbridge.verbs.tune_question import Question, counted, labour_cost, total_tokens

QLORA = TuningRun("qlora", rank=8)
LLAMA = "Llama-3.1-8B"
DEMO = Path(__file__).parents[2] / "src/weighbridge/demo/models"


def offers(*usd: float, device: str = "RTX 4090", date: str = "2026-11-01") -> Prices:
    said = Provenance("catalogue", "a list", date)
    gpus = tuple(GpuOffer("p", device, "on-demand", one, "", said) for one in usd)
    return Prices((), gpus, (), frozenset(), (), "2026-11-21")


def ask(
    model: str = LLAMA, run: TuningRun = QLORA, prices: Prices | None = None, **question: object
) -> TuningEstimate:
    asked = Question(**question)  # type: ignore[arg-type]
    return estimate(model, run, asked, load(), FakeClock(), prices=prices)


def test_cost_is_hours_times_price_and_its_range_that_of_both() -> None:
    machine = parse_machine("RTX 4090")
    found = ask(machine=machine, tokens=24e6, prices=offers(0.3, 0.5, 0.9))
    assert found.time is not None
    assert found.cost.compute is not None
    hours, usd = found.time.hours, found.cost.compute
    assert usd.value == pytest.approx(hours.value * 0.5)
    assert usd.low == pytest.approx(hours.low * 0.3)
    assert usd.high == pytest.approx(hours.high * 0.9)
    assert found.cost.total is None  # labour is not known
    assert any("Compute is seldom the cost" in note for note in found.notes)


def test_several_devices_cost_several_times() -> None:
    run = TuningRun("lora", devices=4)
    machine = parse_machine("4x RTX 4090")
    found = ask(run=run, machine=machine, tokens=1e6, gpu_price=2.0)
    assert found.time is not None
    assert found.cost.compute is not None
    assert found.cost.compute.value == pytest.approx(4 * 2.0 * found.time.hours.value)


def test_without_a_price_there_is_no_cost_but_a_sentence() -> None:
    found = ask(machine=parse_machine("RTX 4090"), tokens=1e6, prices=offers())
    assert found.cost.compute is None
    assert found.cost.price is None
    assert any("state it with --gpu-price" in note for note in found.notes)


def test_a_stated_price_comes_first_and_labour_completes_the_total() -> None:
    machine = parse_machine("RTX 4090")
    found = ask(machine=machine, tokens=24e6, gpu_price=1.0, labour=3200.0, prices=offers(0.5))
    assert found.cost.price is not None
    assert found.cost.price.provenance.kind == "assumed"
    assert found.cost.compute is not None
    assert found.cost.total is not None
    assert found.cost.total.value == 3200 + found.cost.compute.value
    assert not any("Compute is seldom" in note for note in found.notes)


def test_an_old_price_is_told() -> None:
    old = offers(0.5, date="2026-01-01")
    found = ask(machine=parse_machine("RTX 4090"), tokens=1e6, prices=old)
    assert any(
        "from 1 offer (2026-01-01). Some are older than 60 days" in note for note in found.notes
    )


def test_prompt_retrieval_and_verifier_come_first_and_a_regression_suite_after() -> None:
    first, regression = ask().advice
    assert "retrieval" in first.sentences[0]
    assert "verifier" in first.sentences[0]
    assert any("weigh eval" in line for line in first.commands)
    assert "forgets" in regression.title
    assert any("weigh gate" in line for line in regression.commands)


def test_many_tokens_with_adapters_are_told_to_be_pretraining() -> None:
    assert len(ask(tokens=1e8).advice) == 3
    assert len(ask(tokens=1e8, run=TuningRun("full")).advice) == 2


def test_a_machine_without_room_is_told_what_gives_room() -> None:
    found = ask(run=TuningRun("full"), machine=parse_machine("RTX 4090"))
    assert found.fits == "no"
    assert {change.text for change in found.changes} >= {"--method lora", "--method qlora"}
    told = ask(run=TuningRun("full"), machine=parse_machine("RTX 4090"), tokens=1e9, gpu_price=1.0)
    assert (told.time, told.cost.compute) == (None, None)
    assert any("no hours and no cost" in note for note in told.notes)
    fitting = ask(machine=parse_machine("RTX 4090"))
    assert (fitting.fits, fitting.changes) == ("yes", ())


def test_devices_are_judged_each_on_its_own() -> None:
    found = ask()
    verdicts = {fit.device.name: fit.fits for fit in found.devices}
    assert verdicts["H100 SXM"] == "yes"
    least = smallest(found.devices, "yes")[0].device.memory_bytes
    assert least >= found.memory.total.high
    smaller = [fit for fit in found.devices if fit.device.memory_bytes < least]
    assert all(fit.fits != "yes" or fit.doubts for fit in smaller)
    without = [fit for fit in found.devices if fit.fits == "no"]
    assert without
    assert all(fit.device.memory_bytes < found.memory.total.low for fit in without)


def test_unpacked_memory_is_for_the_length_of_examples() -> None:
    short = ask(packed=False, example_tokens=300)
    assert short.run.padded == 300
    assert short.memory.active.value < ask().memory.active.value
    assert short.memory.total.high == ask().memory.total.high
    assert any("as long as --seq, 2,048" in note for note in short.notes)
    unknown = ask(packed=False)
    assert unknown.memory == ask().memory
    assert any("padded to --seq, 2,048" in note for note in unknown.notes)


def test_one_offer_is_no_market() -> None:
    found = ask(machine=parse_machine("RTX 4090"), tokens=1e6, prices=offers(0.5))
    assert found.cost.price is not None
    assert (found.cost.price.usd.low, found.cost.price.usd.high) == pytest.approx((0.35, 0.85))
    assert any("$0.35 to $0.85 is reckoned with" in note for note in found.notes)


def test_a_gguf_file_is_estimated_from_its_16_bit_weights() -> None:
    found = ask(str(DEMO / "porter-q4_0.gguf"))
    assert found.parameters == 803_712
    assert any("stored as Q4_0" in note for note in found.notes)


def test_experts_count_whole_for_memory_and_active_for_time() -> None:
    found = ask("gpt-oss-20b", machine=parse_machine("H100 SXM"), tokens=1e9)
    assert found.time is not None
    assert found.time.flops_per_token < 6 * 20.9e9 / 4
    assert any("down to a sixth of it" in note for note in found.notes)


def test_the_licence_is_asked_about_training() -> None:
    assert ask().licence.startswith("llama3.1: fine-tuning conditional")


@pytest.mark.parametrize(
    ("model", "run", "device", "message"),
    [
        ("no-such-model", QLORA, None, "has no model"),
        ("Qwen3-Embedding-8B", QLORA, None, "only text generators"),
        (LLAMA, TuningRun("lora", rank=5000), None, "above the width"),
        (LLAMA, TuningRun("lora", expert_adapters=True), None, "no routed experts"),
        (LLAMA, QLORA, "EPYC 9654 128GB", "processor"),
        ("arcee-ai/Trinity-Mini", QLORA, None, "the size only"),
    ],
)
def test_what_cannot_be_told_is_refused(
    model: str, run: TuningRun, device: str | None, message: str
) -> None:
    machine = None if device is None else parse_machine(device)
    with pytest.raises(InputError, match=message):
        ask(model, run, machine=machine)


def test_a_config_without_vocabulary_is_refused(tmp_path: Path) -> None:
    config = {
        "model_type": "llama", "hidden_size": 256, "intermediate_size": 512,
        "num_hidden_layers": 2, "num_attention_heads": 4,
    }  # fmt: skip
    path = tmp_path / "config.json"
    for vocabulary, fine in ((1000, True), (0, False)):
        path.write_text(json.dumps(config | {"vocab_size": vocabulary}), encoding="utf-8")
        if fine:
            assert ask(str(path)).parameters > 0
        else:
            with pytest.raises(InputError):
                ask(str(path))


def test_json_has_every_key_and_only_json() -> None:
    found = ask(machine=parse_machine("RTX 4090"), tokens=24e6, prices=offers(0.5))
    text = json.dumps(to_json(found), allow_nan=False)
    document = json.loads(text)
    assert document["run"]["method"] == "qlora"
    assert document["memory"]["total_bytes"]["low"] < document["memory"]["total_bytes"]["high"]
    assert document["provenance"]["kind"] == "predicted"
    assert document["cost"]["labour_usd"] is None
    assert to_json(ask())["time"] is None
    assert to_json(ask())["device"] is None


@pytest.mark.parametrize(
    ("given", "total"),
    [
        ((24e6, None, None, None), 24e6),
        ((None, 10_000, 800, 3), 24e6),
        ((None, 10_000, 800, None), 8e6),
        ((None, None, 800, None), None),
        ((None, None, None, None), None),
    ],
)
def test_tokens_are_examples_times_length_times_epochs(
    given: tuple[float | None, float | None, int | None, float | None], total: float | None
) -> None:
    assert total_tokens(*given) == total


@pytest.mark.parametrize(
    "given",
    [(1e6, 10, None, None), (1e6, None, None, 2), (None, 10, None, None), (None, None, 5, 2)],
)
def test_tokens_said_twice_or_half_are_refused(
    given: tuple[float | None, float | None, int | None, float | None],
) -> None:
    with pytest.raises(InputError):
        total_tokens(*given)


@pytest.mark.parametrize("given", [(1.0, None), (None, 1.0), (-1.0, 5.0), (math.inf, 1.0)])
def test_half_or_impossible_labour_is_refused(given: tuple[float | None, float | None]) -> None:
    with pytest.raises(InputError):
        labour_cost(*given)


def test_the_number_of_devices_is_said_once() -> None:
    assert counted(None, None) == 1
    assert counted(parse_machine("8x H100 SXM"), None) == 8
    assert counted(parse_machine("H100 SXM"), 8) == 8
    with pytest.raises(InputError, match="Say it once"):
        counted(parse_machine("8x H100 SXM"), 4)
