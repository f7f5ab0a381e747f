from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.runs import eval_run
from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.runs import EvalRun
from weighbridge.decide.statistics import compare_runs
from weighbridge.measure.evals.foreign.inspect_log import as_log
from weighbridge.verbs.eval import to_json
from weighbridge.verbs.eval_files import export_inspect, import_run
from weighbridge.workspace.folder import Workspace


def sample(number: int, right: float, **told: Any) -> dict[str, Any]:
    """A line as lm-eval writes it."""
    return {
        "doc_id": number,
        "doc": {"question": f"question {number}"},
        "target": "yes",
        "arguments": {"gen_args_0": {"arg_0": f"question {number}", "arg_1": {"until": []}}},
        "resps": [["well, yes"]],
        "filtered_resps": ["yes" if right else "no"],
        "filter": "none",
        "metrics": ["exact_match"],
        "exact_match": right,
        **told,
    }


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_samples_of_lm_eval_become_a_run(tmp_path: Path, workspace: Workspace) -> None:
    name = "samples_gsm8k_cot_2026-11-01T10-00-00.123456.jsonl"
    path = write(tmp_path / "Qwen__Qwen3-8B" / name, [sample(n, n < 3) for n in range(4)])
    run = import_run(workspace, path)
    assert (run.info.model, run.suite, run.correct) == ("Qwen/Qwen3-8B", "gsm8k_cot", 3)
    assert workspace.load(run.info.id, EvalRun) == run
    first = run.items[0]
    assert (first.prompt, first.answer, first.expected) == ("question 0", "yes", "yes")
    assert to_json(run)["origin"] == f"lm-eval, exact_match of filter none, {name}"


def test_a_metric_that_nobody_chose_is_told(tmp_path: Path, workspace: Workspace) -> None:
    both = {"metrics": ["acc", "acc_norm"], "acc": 1.0, "acc_norm": 0.0}
    path = write(tmp_path / "samples_t.jsonl", [sample(n, 1, **both) for n in range(4)])
    run = import_run(workspace, path, model="m")
    said = "lm-eval, acc and not acc_norm (--metric chooses) of filter none, samples_t.jsonl"
    assert (run.origin, run.correct) == (said, 4)
    run = import_run(workspace, path, model="m", metric="acc_norm")
    assert (run.origin, run.correct) == ("lm-eval, acc_norm of filter none, samples_t.jsonl", 0)


def test_two_models_of_one_task_can_be_compared(tmp_path: Path, workspace: Workspace) -> None:
    rights = {"a": [1, 1, 0, 0], "b": [1, 1, 1, 1]}
    runs = [
        import_run(
            workspace,
            write(tmp_path / model / "samples_t.jsonl", [sample(n, r) for n, r in enumerate(told)]),
            model=model,
        )
        for model, told in rights.items()
    ]
    found = compare_runs(*runs)
    assert (found.n, found.flips_up, found.flips_down) == (4, 2, 0)
    other = write(tmp_path / "c" / "samples_t.jsonl", [sample(n, 1, target="no") for n in range(4)])
    with pytest.raises(InputError, match="did not answer the same items"):
        compare_runs(runs[0], import_run(workspace, other, model="c"))


def test_several_filters_or_metrics_need_a_choice(tmp_path: Path, workspace: Workspace) -> None:
    rows = [sample(n, 1, filter="strict-match") for n in range(2)]
    rows += [sample(n, 0, filter="flexible") for n in range(2)]
    path = write(tmp_path / "samples_t.jsonl", rows)
    with pytest.raises(InputError, match="strict-match, flexible"):
        import_run(workspace, path, model="m")
    assert import_run(workspace, path, model="m", filter_name="flexible").correct == 0
    assert import_run(workspace, path, model="m", filter_name="strict-match").correct == 2
    with pytest.raises(InputError, match="no filter"):
        import_run(workspace, path, model="m", filter_name="x")
    old = sample(0, 1, f1=0.5, odd=3)
    del old["metrics"]
    path = write(tmp_path / "samples_u.jsonl", [old])
    assert import_run(workspace, path, model="m").correct == 1
    run = import_run(workspace, path, model="m", metric="f1")
    assert (run.correct, run.mean_score) == (0, 0.5)
    with pytest.raises(FormatError, match="between 0 and 1"):
        import_run(workspace, path, model="m", metric="odd")


def test_a_file_that_names_no_model_needs_one(tmp_path: Path, workspace: Workspace) -> None:
    path = write(tmp_path / "samples_t.jsonl", [sample(0, 1)])
    with pytest.raises(InputError, match="--model"):
        import_run(workspace, path)


# -- Inspect -------------------------------------------------------------------------------------


def inspect_sample(name: Any, value: Any, epoch: int = 1, **told: Any) -> dict[str, Any]:
    return {
        "id": name,
        "epoch": epoch,
        "input": [{"role": "user", "content": "Why?"}],
        "target": "yes",
        "messages": [],
        "output": {
            "model": "m",
            "choices": [
                {"message": {"role": "assistant", "content": "yes"}, "stop_reason": "max_tokens"}
            ],
            "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
            "time": 0.5,
        },
        "scores": {"match": {"value": value, "explanation": "because"}},
        **told,
    }


def log(samples: list[dict[str, Any]]) -> dict[str, Any]:
    told = {"task": "quiz", "model": "openai/m", "created": "2026-11-01T10:00:00+00:00"}
    return {"version": 2, "status": "success", "eval": told, "samples": samples}


def test_a_log_of_inspect_becomes_a_run(tmp_path: Path, workspace: Workspace) -> None:
    samples = [
        inspect_sample("b", "C", 2), inspect_sample("a", "I"), inspect_sample("b", 0.5, 1),
        inspect_sample("a", True, 2),
    ]  # fmt: skip
    (tmp_path / "log.json").write_text(json.dumps(log(samples)))
    run = import_run(workspace, tmp_path / "log.json")
    assert (run.info.model, run.suite, run.repeats) == ("openai/m", "quiz", 2)
    told = [(item.id, item.repeat, item.score, item.correct) for item in run.items]
    assert told == [
        ("b", 0, 0.5, False), ("b", 1, 1.0, True), ("a", 0, 0.0, False), ("a", 1, 1.0, True),
    ]  # fmt: skip
    first = run.items[0]
    assert (first.prompt, first.answer, first.prompt_tokens) == ("Why?", "yes", 5)
    assert (first.finish_reason, first.detail, first.latency_ms) == ("length", "because", 500)


def test_a_zipped_log_is_read(tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as archive:
        header = log([])
        del header["samples"]
        archive.writestr("header.json", json.dumps(header))
        archive.writestr("samples/a_epoch_1.json", json.dumps(inspect_sample("a", "C")))
        archive.writestr("summaries.json", "[]")
    assert import_run(workspace, path).correct == 1


def test_a_zip_that_python_cannot_unpack_says_how_to_convert_it(
    tmp_path: Path, workspace: Workspace
) -> None:
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", json.dumps(log([])))
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.find(mark) + offset
        data[at : at + 2] = (93).to_bytes(2, "little")  # zstd, as newer versions of Inspect write
    path.write_bytes(data)
    with pytest.raises(InputError, match="inspect log convert"):
        import_run(workspace, path)


def test_a_damaged_zip_is_told_from_one_to_convert(tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "{}" * 400)
    data = bytearray(path.read_bytes())
    data[60] ^= 1  # its checksum is not right any more
    path.write_bytes(data)
    with pytest.raises(FormatError, match="damaged or encrypted"):
        import_run(workspace, path)
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(FormatError, match="no log of Inspect"):
        import_run(workspace, path)


def test_a_sample_that_failed_counts_as_wrong(tmp_path: Path, workspace: Workspace) -> None:
    failed = inspect_sample("b", None, error={"message": "boom"})
    failed["scores"] = None
    (tmp_path / "log.json").write_text(json.dumps(log([inspect_sample("a", "C"), failed])))
    run = import_run(workspace, tmp_path / "log.json")
    assert (run.correct, run.errors, run.items[1].detail) == (1, 1, "boom")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "no log of Inspect"),
        ("{", "no log of Inspect"),
        (json.dumps(log([])), "no samples"),
        (json.dumps(log([inspect_sample("a", "maybe")])), "has the score 'maybe'"),
        (json.dumps(log([inspect_sample("a", 7)])), "has the score 7"),
        (
            json.dumps(
                log([inspect_sample("a", 1, scores={"x": {"value": 1}, "y": {"value": 0}})])
            ),
            "several scorers: x, y",
        ),
    ],
)
def test_other_files_are_refused(
    content: str, said: str, tmp_path: Path, workspace: Workspace
) -> None:
    (tmp_path / "log.json").write_text(content)
    with pytest.raises(InputError, match=said):
        import_run(workspace, tmp_path / "log.json")
    assert workspace.runs() == []


def test_what_is_exported_is_read_back_as_it_was(tmp_path: Path, workspace: Workspace) -> None:
    run = eval_run("m", "quiz", [True, False, True], run_id="eval-1")
    workspace.save(run.info, run)
    export_inspect(workspace, "eval-1", tmp_path / "out" / "log.json")
    with pytest.raises(InputError, match="is there"):
        export_inspect(workspace, "eval-1", tmp_path / "out" / "log.json")
    export_inspect(workspace, "eval-1", tmp_path / "out" / "log.json", force=True)
    again = import_run(workspace, tmp_path / "out" / "log.json")
    assert (again.info.model, again.suite) == ("m", "quiz")
    for before, after in zip(run.items, again.items, strict=True):
        assert (after.id, after.prompt, after.answer) == (before.id, before.prompt, before.answer)
        assert (after.correct, after.score, after.output_tokens) == (
            before.correct, before.score, before.output_tokens,
        )  # fmt: skip


def test_a_log_has_what_inspect_requires() -> None:
    told = as_log(eval_run("m", "quiz", [True, False]))
    # Fields without a default in inspect_ai's EvalSpec and EvalDataset, 0.3.
    assert {"created", "task", "dataset", "model", "config"} <= told["eval"].keys()
    assert told["results"]["total_samples"] == len(told["samples"]) == 2
    assert [one["scores"]["weighbridge"]["value"] for one in told["samples"]] == ["C", "I"]
