from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.runs import accurate, eval_run
from tests.predict.planned import asked, machine
from weighbridge.core.errors import InputError
from weighbridge.core.plan import Plan, PlanRun, Requirements
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.licenses.intents import parse_intents
from weighbridge.verbs import plan as verb
from weighbridge.verbs.runs import load_any
from weighbridge.workspace.folder import Workspace

ROOT = Path(__file__).parents[2]
TINY = min((ROOT / "src/weighbridge/demo/models").glob("*.gguf"))


def planned(text: str, requirements: Requirements, **more: object) -> Plan:
    return verb.plan(machine(text), requirements, load(), FakeClock(), **more)  # type: ignore[arg-type]


def test_the_whole_catalogue_is_planned_and_nothing_gets_lost() -> None:
    found = planned("RTX 4090", asked(users=2, context=8192))
    names = {one.candidate.model for one in found.ranked} | {one.model for one in found.refused}
    assert len(names) == found.models
    assert "Qwen/Qwen3-Embedding-8B" not in names
    unknown = [one for one in found.refused if one.verdict == "not known"]
    assert any("knows the size only" in one.reason for one in unknown)


def test_licence_modality_and_context_leave_models_out_with_the_reason() -> None:
    found = planned(
        "8x H100 SXM", asked(context=65536), intents=parse_intents("commercial"), modality="image"
    )
    refused = {one.model: one for one in found.refused}
    assert refused["CohereLabs/command-a-reasoning-08-2025"].verdict == "not known"
    assert refused["MiniMaxAI/MiniMax-M2.7"].verdict == "not allowed"
    assert refused["Qwen/Qwen3-8B"].reason == "takes text, not image."
    short = planned("8x H100 SXM", asked(context=65536))
    reason = {one.model: one.reason for one in short.refused}["Qwen/Qwen3-8B"]
    assert "made for 40k tokens, 64k are asked" in reason
    assert {one.candidate.model for one in found.ranked} < {
        one.candidate.model for one in short.ranked
    } | set(refused)


def test_named_models_show_all_their_ways() -> None:
    found = planned("RTX 4090", asked(users=2, context=8192), names=["qwen3-8b"])
    assert {one.candidate.model for one in found.ranked} == {"Qwen/Qwen3-8B"}
    assert len({one.candidate.quantization for one in found.ranked}) > 3
    assert len({one.candidate.settings.engine.name for one in found.ranked}) == 4


def test_files_can_be_planned() -> None:
    found = planned("RTX 4090", asked(users=2, context=256, prompt=64, output=16),
                    names=[str(TINY)])  # fmt: skip
    (only,) = found.ranked
    assert only.candidate.settings.engine.name == "llama.cpp"
    assert only.candidate.source == str(TINY)
    (server, _) = verb.starting(found, only)
    assert str(TINY) in server.commands[0]


def test_a_configuration_can_be_planned() -> None:
    path = ROOT / "tests/data/configs/llama.json"
    found = planned("RTX 4090", asked(users=1, context=2048), names=[str(path)])
    assert found.models == 1
    assert found.ranked or found.refused


def test_a_configuration_is_not_given_to_an_engine_but_the_folder_of_its_weights_is(
    tmp_path: Path,
) -> None:
    box, load_ = "RTX 4090", asked(users=1, context=2048, engines=("vllm",))
    given = (ROOT / "tests/data/configs/llama.json").read_text("utf-8")
    (tmp_path / "config.json").write_text(given, "utf-8")
    (tmp_path / "other.json").write_text(given, "utf-8")

    def source(name: str) -> str:
        found = planned(box, load_, names=[str(tmp_path / name)])
        return (found.ranked or [one.estimate for one in found.near_misses])[0].candidate.source

    assert source("config.json") == str(tmp_path / "config.json")
    assert source("") == str(tmp_path / "config.json")
    (tmp_path / "model.bin").write_bytes(b"")
    assert source("config.json") == str(tmp_path)
    assert source("other.json") == str(tmp_path / "other.json")


def test_gguf_files_are_weighed_where_llamacpp_is_not_usual() -> None:
    load_ = asked(users=2, context=256, prompt=64, output=16)
    found = planned("8x H100 SXM", load_, names=[str(TINY)])
    assert {one.candidate.settings.engine.name for one in found.ranked} == {"llama.cpp"}
    assert not any("llama.cpp was not weighed" in note for note in found.notes)
    usual = planned("8x H100 SXM", asked(), names=["qwen3-8b"])
    assert any("--engine llamacpp" in note for note in usual.notes)
    card = planned("RTX 4090", asked(), names=["qwen3-8b"])
    assert not any("--engine llamacpp" in note for note in card.notes)


def test_at_a_rate_those_are_cheapest_that_could_take_the_most() -> None:
    priced = replace(asked(users=1, rate=20.0), eur_per_hour=18.4)
    found = planned("8x H100 SXM", priced, names=["qwen3-32b"], order="cost")
    costs = {round(one.eur_per_million_tokens or 0, 6) for one in found.ranked}
    assert costs == {round(18.4 / 3600 / (20 * 256) * 1e6, 6)}
    most = [one.most_requests_per_s or 0 for one in found.ranked]
    assert len(set(most)) > 5
    assert most == sorted(most, reverse=True)
    assert min(most) > 20


def test_licences_with_conditions_and_missing_evaluations_are_said(tmp_path: Path) -> None:
    store = Workspace(tmp_path / "w", FakeClock(), lambda: "a machine")
    found = planned(
        "8x H100 SXM", asked(), intents=parse_intents("commercial"), task="poems", store=store
    )
    assert any("no evaluation of a suite called poems" in note for note in found.notes)
    assert any("under conditions only" in note and "legal advice" in note for note in found.notes)
    plain = planned("RTX 4090", asked(), names=["qwen3-8b"], intents=parse_intents("commercial"))
    assert not any("under conditions only" in note for note in plain.notes)


def test_a_modality_that_no_model_takes_is_bad_input() -> None:
    with pytest.raises(InputError, match="No model takes 'smell'"):
        planned("RTX 4090", asked(), modality="smell")


def test_an_unknown_model_is_bad_input() -> None:
    with pytest.raises(InputError, match="catalogue has no model"):
        planned("RTX 4090", asked(), names=["no-such-model"])


def test_the_users_own_evaluations_decide_on_quality(tmp_path: Path) -> None:
    store = Workspace(tmp_path / "w", FakeClock(), lambda: "a machine")
    for model, right in (("Qwen3-0.6B", 9), ("Qwen3-8B-FP8", 3)):
        run = eval_run(model, "code", accurate(right, 10), run_id=f"eval-{model}")
        store.save(run.info, run)
    found = planned("RTX 4090", asked(users=2, context=8192), task="code", store=store)
    first, second = found.ranked[:2]
    assert [first.candidate.model, second.candidate.model] == ["Qwen/Qwen3-0.6B", "Qwen/Qwen3-8B"]
    assert first.quality is not None
    assert first.quality.provenance.source == "eval-Qwen3-0.6B"
    assert {one.quality.provenance.kind for one in found.ranked[2:] if one.quality} == {"assumed"}


def test_a_plan_is_kept_like_other_runs(tmp_path: Path) -> None:
    store = Workspace(tmp_path / "w", FakeClock(), lambda: "a machine")
    found = planned("RTX 4090", asked(slo="ttft_p95<2s"), names=["qwen3-8b"])
    kept = verb.keep(store, found)
    assert kept.info.id.startswith("plan-")
    assert [one.kind for one in store.runs()] == ["plan"]
    again = load_any(store, kept.info.id)
    assert isinstance(again, PlanRun)
    assert again == kept


def test_json_and_csv_have_the_same_figures() -> None:
    found = planned("2x RTX 3090", asked(slo="tpot_p95<40ms"))
    document = json.loads(json.dumps(verb.to_json(found)))
    rows = list(csv.DictReader(io.StringIO(verb.to_csv(found))))
    ranked = document["ranked"]
    assert len(rows) == len(ranked) + len(document["near_misses"])
    for entry, row in zip(ranked, rows, strict=False):
        assert row["model"] == entry["model"]
        assert int(row["rank"]) == entry["rank"]
        assert float(row["tpot_ms_high"]) == entry["tpot_ms"]["high"]
        assert float(row["memory_gib"]) == pytest.approx(
            entry["memory"]["needed_bytes"]["value"] / 2**30
        )
        assert row["kv_format"] == entry["kv_format"]
        assert entry["kv_format"] in ("16-bit", "q8_0")
        assert row["on_front"] == str(entry["on_front"])
        assert entry["start"][0]["commands"]
    assert document["considered"]["ways"] > 1000
    assert document["slo"] == [{"metric": "tpot", "percentile": "p95", "limit_ms": 40.0}]
    assert document["sentence"] is None


def test_when_nothing_meets_a_sentence_says_what_would_have_to_change() -> None:
    found = planned("RTX 4090", asked(slo="ttft_p95<1ms"))
    assert not found.ranked
    sentence = verb.verdict_sentence(found)
    assert sentence.startswith("Nothing meets all of that on RTX 4090.")
    assert "it would meet with ttft_p95<" in sentence
    large = planned("RTX 4090", asked(), names=["deepseek-ai/DeepSeek-R1"])
    assert "they take" in verb.verdict_sentence(large)
    assert "at least" in verb.verdict_sentence(large)


def test_far_too_many_users_are_what_is_said_even_beside_models_that_are_too_heavy() -> None:
    sentence = verb.verdict_sentence(planned("RTX 4090", asked(users=100_000, context=8192)))
    assert re.search(r"at 100000 × 8k\); it would meet with \d{1,4} users", sentence)


def test_shortening_keeps_what_the_front_was() -> None:
    found = planned("RTX 4090", asked(users=2, context=8192))
    short = verb.shortened(found, 3)
    assert len(short.ranked) == 3
    assert short.front == tuple(place for place in found.front if place < 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"users": 0}, "0 users has nothing"),
        ({"rate": 0.0}, "0 requests per second"),
        ({"rate": float("nan")}, "nan requests per second"),
        ({"context": 0}, "context of 0 tokens"),
        ({"context": 4096, "prompt": 4096, "output": 1}, "context of 4096"),
    ],
)
def test_impossible_workloads_are_refused(words: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        verb.workload(**words)  # type: ignore[arg-type]
    assert error.value.fix


def test_what_is_not_said_of_a_workload_is_filled_in() -> None:
    usual = verb.workload()
    assert (usual.prompt_tokens, usual.output_tokens, usual.users, usual.longest) == (
        1024, 256, 1, 8192,
    )  # fmt: skip
    tiny = verb.workload(context=16)
    assert tiny.prompt_tokens + tiny.output_tokens <= 16
    long = verb.workload(prompt=30000, output=2000)
    assert long.longest == 32000


def test_engines_and_formats_by_name() -> None:
    assert verb.parse_engine("vllm@0.19.0").version == "0.19.0"
    assert verb.parse_engine("ollama").name == "llama.cpp"
    assert verb.parse_format("awq") == "AWQ int4 g128"
    assert verb.parse_format("q4_k_m") == "Q4_K_M"
    with pytest.raises(InputError, match="several number formats"):
        verb.parse_format("q4")
    with pytest.raises(InputError, match="no number format"):
        verb.parse_format("int7")
    with pytest.raises(InputError, match="no engine"):
        verb.parse_engine("exllama")


def test_lengths_in_a_reason_are_written_alike() -> None:
    refused = planned("8x H100 SXM", asked(context=10 * 1024**2)).refused
    reasons = [one.reason for one in refused if "10M are asked for" in one.reason]
    assert reasons
    assert not any("000k tokens, " in reason for reason in reasons)


def test_a_context_that_yarn_reaches_says_how() -> None:
    found = planned("RTX 4090", asked(users=1, context=131_072), names=["Qwen/Qwen3-8B"])
    (refused,) = found.refused
    assert "by YaRN" in refused.reason
    assert "factor 4" in refused.reason
    further = planned("RTX 4090", asked(users=1, context=262_144), names=["Qwen/Qwen3-8B"])
    assert "YaRN" not in further.refused[0].reason
    assert "ask for a context of 40k" in further.refused[0].reason
