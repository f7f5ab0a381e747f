"""What does not fit together in a question of `weigh cost`, and lengths that speed depends on."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.verbs.test_cost import BASE, level, load_run, sources
from weighbridge.core.cost import CostReport
from weighbridge.core.errors import InputError
from weighbridge.core.load import Limit
from weighbridge.core.workload import parse_slo
from weighbridge.verbs.cost import cost
from weighbridge.verbs.cost_capacity import Served
from weighbridge.verbs.cost_options import HardwareAsked, OperatingAsked
from weighbridge.verbs.cost_question import Asked, CapacityAsked, DemandAsked, question
from weighbridge.workspace.folder import Workspace

KNOWN: dict[object, Served] = {}


def report(asked: Asked) -> CostReport:
    """With predictions kept, which several tests ask for."""
    found, notes = question(asked, replace(sources(), predictions=KNOWN))
    return cost(found, FakeClock(), draws=200, notes=notes)


def predicted(prompt: str, slo: str = "") -> Asked:
    return replace(
        BASE,
        demand=DemandAsked(volume="300k-requests/day", prompt=prompt, output="250"),
        capacity=CapacityAsked(slo=slo),
        model="Qwen3-8B",
        same_model_apis=(),
        apis=("0.2/0.5",),
    )


def test_a_range_of_prompts_is_predicted_at_its_ends() -> None:
    whole = report(predicted("250..750..8000"))
    bar = next(one for one in whole.comparisons[0].swings if one.driver == "demand.prompt_tokens")
    ends = [report(predicted(end)).comparisons[0].difference.value for end in ("250", "8000")]
    assert (bar.low, bar.high) == (250, 8000)
    assert [bar.at_low, bar.at_high] == pytest.approx(ends)
    # A prompt of 8,000 tokens takes far more GPUs than one of 750, and the interval says so.
    usual = report(predicted("750")).options[0].usd_per_month
    assert whole.options[0].usd_per_month.value == usual.value
    assert whole.options[0].usd_per_month.high > 3 * usual.high


def test_lengths_that_nothing_serves_are_refused() -> None:
    with pytest.raises(InputError, match="The longest requests of the range cannot be served"):
        question(predicted("750..1000..200000", "ttft_p95<2s"), sources())


def test_without_an_slo_the_peak_is_told_with_its_seconds() -> None:
    notes = " ".join(report(predicted("750")).notes)
    assert "No SLO was given, so a replica's capacity is its peak" in notes
    assert "s to its first token and" in notes
    held = " ".join(question(predicted("750", "tpot_p95<100ms"), sources())[1])
    assert "No SLO" not in held


def stated(speed: str, prompt: str, output: str, model: str = "") -> Asked:
    return replace(
        BASE,
        demand=replace(BASE.demand, prompt=prompt, output=output),
        capacity=CapacityAsked(tokens_per_s=speed),
        model=model,
    )


def test_prompts_within_a_stated_speed_are_told() -> None:
    notes = question(stated("100", "1500", "300"), sources())[1]
    assert any("each replica reads 500 prompt tokens/s besides" in note for note in notes)
    own = replace(stated("100", "1500", "300"), capacity=CapacityAsked("100", prefill_per_s="9k"))
    assert not any("prompt tokens/s besides" in note for note in question(own, sources())[1])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        # 242 TFLOP/s in FP8 over twice 8.19 billion weights.
        (stated("1000", "100k", "10", "Qwen3-8B"), "L4 computes 14.8k of Qwen3-8B at their peak"),
        (stated("1000", "100k", "1"), "GPUs of today compute 5.00M of a model of 1B weights"),
        (replace(BASE, device="2x L4", gpus_per_replica=4), "2 GPUs a replica, and --count 4"),
        (
            replace(BASE, capacity=CapacityAsked("1000", slots=1, service="80000")),
            "1 request at once of 80,000 s each generate 0.00313 tokens/s at most",
        ),
        (
            replace(BASE, hardware=HardwareAsked(owned="1", owned_monthly="2")),
            "said twice: --owned and --owned-monthly",
        ),
    ],
)
def test_what_cannot_be_is_refused(asked: Asked, said: str) -> None:
    with pytest.raises(InputError) as refused:
        question(asked, sources())
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (replace(BASE, hardware=HardwareAsked(kwh="1", host="2")), "effect here: --host, --kwh;"),
        (
            replace(BASE, hardware=HardwareAsked(owned_monthly="154", on_fraction="50%")),
            "effect here: --on; no GPU is rented",
        ),
        (replace(BASE, operating=OperatingAsked(fte_cost="1")), "effect here: --fte-cost;"),
        (
            replace(BASE, capacity=CapacityAsked("500", slo="ttft_p95<2s")),
            "effect here: --slo; the speed is not predicted",
        ),
        (replace(BASE, apis=(), token_ratios=("2",)), "effect here: --token-ratio;"),
        (
            replace(BASE, operating=OperatingAsked(fte="1", fte_cost="1", ops="2")),
            "--ops is counted besides --fte",
        ),
        (
            replace(BASE, capacity=CapacityAsked("1000", slots=4, service="5")),
            "one of --slots, --service and the speed is wrong",
        ),
    ],
)
def test_what_has_no_effect_is_told(asked: Asked, said: str) -> None:
    notes = question(asked, sources())[1]
    assert any(said in note for note in notes)
    assert not any(said in note for note in question(BASE, sources())[1])


def test_an_own_gpu_at_one_figure_a_month() -> None:
    asked = replace(BASE, hardware=HardwareAsked(owned_monthly="154"), device="RTX 5090")
    mine = report(asked).options[0]
    assert (mine.name, mine.usd_per_month.value) == ("the model on owned RTX 5090", 154)


def test_a_measured_speed_holds_for_its_own_prompts(tmp_path: Path) -> None:
    store = Workspace(tmp_path / "workspace", FakeClock(), lambda: "a machine")
    # 800 prompt and 200 output tokens a request.
    limit = Limit(parse_slo("ttft_p95<2s"), 2.5, 2.3, 2.8, 3, "ttft")
    run = load_run(store, level(2.5, 200), limit=limit)
    asked = replace(BASE, capacity=CapacityAsked(from_run=run.info.id))

    def notes(**lengths: str) -> tuple[str, ...]:
        changed = replace(asked, demand=replace(BASE.demand, **lengths))
        return question(changed, sources(store))[1]

    assert not any("less prompt" in note for note in notes())
    assert any("with less prompt a replica can do more" in note for note in notes(prompt="200"))
    with pytest.raises(InputError, match="requests of 800 prompt and 200 output tokens; these"):
        notes(prompt="8000")
    with pytest.raises(InputError, match="more prompt for each"):
        notes(output="50..100..200")


def test_a_host_of_the_same_model_answers_alike() -> None:
    asked = replace(BASE, pass_rates=("50%", "host/model-a=95%"))
    own, displaced, same = report(asked).options
    assert own.pass_rate is not None
    assert displaced.pass_rate is not None
    assert own.pass_rate.value == 0.5
    assert displaced.pass_rate.value == pytest.approx(0.95)
    assert same.pass_rate == own.pass_rate
