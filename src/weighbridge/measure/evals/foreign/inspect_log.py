"""Logs of Inspect (inspect_ai): JSON, or ``.eval``, which is a zip of JSON."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.runs import EvalRun, ItemResult
from weighbridge.measure.evals.foreign.imported import Imported

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# Inspect's letters for correct, incorrect, partial and no answer.
_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_STOPS = {"stop": "stop", "length": "max_tokens", "tool_calls": "tool_calls"}
_VERSION = 2


class _Message(msgspec.Struct):
    content: Any = ""


class _Choice(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    stop_reason: str = ""


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0


class _Output(msgspec.Struct):
    model: str = ""
    choices: list[_Choice] = []
    usage: _Usage | None = None
    completion: str | None = None
    time: float | None = None


class _Score(msgspec.Struct):
    value: Any = None
    explanation: str | None = None


class _Error(msgspec.Struct):
    message: str = ""


class _Sample(msgspec.Struct):
    id: str | int
    epoch: int = 1
    input: Any = ""
    target: Any = ""
    output: _Output = msgspec.field(default_factory=_Output)
    scores: dict[str, _Score] | None = None
    error: _Error | None = None


class _Eval(msgspec.Struct):
    task: str
    model: str


class _Log(msgspec.Struct):
    eval: _Eval
    status: str = ""
    samples: list[_Sample] | None = None


def read_log(path: Path, scorer: str | None) -> Imported:
    """A log's results by one scorer.

    Raises:
        InputError: it has several scorers, and none was named.
        FormatError: it is no such log, or was written without samples.
    """
    log = _zipped(path) if zipfile.is_zipfile(path) else _decoded(_bytes(path), _Log, str(path))
    samples = log.samples or []
    if not samples:
        raise FormatError(f"{path} has no samples.", fix="Log them: without --no-log-samples.")
    name = scorer or _scorer(samples, path)
    order = {key: number for number, key in enumerate(dict.fromkeys(str(s.id) for s in samples))}
    samples = sorted(samples, key=lambda sample: (order[str(sample.id)], sample.epoch))
    items = tuple(_result(sample, name, path) for sample in samples)
    repeats = max(sample.epoch for sample in samples)
    origin = f"inspect, scorer {name}, {path.name}"
    return Imported(log.eval.task, log.eval.model, items, origin, repeats)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None


def _decoded(data: bytes, kind: type[Any], where: str) -> Any:  # noqa: ANN401 -- kind
    try:
        return msgspec.json.decode(data, type=kind)
    except _UNREADABLE as error:
        raise FormatError(f"{where} is no log of Inspect: {error}.") from None


def _zipped(path: Path) -> _Log:
    """An ``.eval`` file: header.json and a file per sample."""
    try:
        return _of_archive(path)
    except NotImplementedError as error:
        # Newer versions of Inspect compress with zstd, which Python knows from 3.14 on.
        raise InputError(
            f"{path} cannot be unpacked: {str(error).rstrip('.')}.",
            fix="Convert it: `inspect log convert FILE --to json --output-dir FOLDER`.",
        ) from None
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"Cannot read {path}: {why}.", fix="Check the path.") from None
    except (RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise FormatError(
            f"{path} is damaged or encrypted: {str(error).rstrip('.')}.",
            fix="Copy it again from where it was written.",
        ) from None


def _of_archive(path: Path) -> _Log:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "header.json" not in names:
            raise FormatError(f"{path} has no header.json.", fix="Is it a finished log of Inspect?")
        log: _Log = _decoded(archive.read("header.json"), _Log, f"{path}, header.json")
        inside = [name for name in names if name.startswith("samples/") and name.endswith(".json")]
        log.samples = [_decoded(archive.read(name), _Sample, f"{path}, {name}") for name in inside]
    return log


def _scorer(samples: list[_Sample], path: Path) -> str:
    names = list(dict.fromkeys(name for sample in samples for name in sample.scores or {}))
    if len(names) == 1:
        return names[0]
    if not names:
        raise FormatError(f"{path} has no scores.", fix="Score it first, with `inspect score`.")
    raise InputError(
        f"{path} has several scorers: {', '.join(names)}.", fix="Choose one with --metric."
    )


def _result(sample: _Sample, scorer: str, path: Path) -> ItemResult:
    told = (sample.scores or {}).get(scorer)
    value = 0.0 if told is None else _value(told.value, path, sample)
    choice = sample.output.choices[0] if sample.output.choices else _Choice()
    usage = sample.output.usage or _Usage()
    missing = "" if told is not None else sample.error.message if sample.error else "not scored"
    return ItemResult(
        id=str(sample.id),
        prompt=_text(sample.input),
        expected=sample.target,
        answer=sample.output.completion or _text(choice.message.content),
        correct=value == 1.0,
        score=value,
        detail=missing or ("" if value == 1.0 else (told.explanation or "") if told else ""),
        latency_ms=(sample.output.time or 0.0) * 1000,
        output_tokens=usage.output_tokens,
        # Without a score it counts as wrong, and is listed.
        error="unscored" if told is None else None,
        answered_by=sample.output.model,
        repeat=sample.epoch - 1,
        prompt_tokens=usage.input_tokens,
        finish_reason="length" if choice.stop_reason == "max_tokens" else choice.stop_reason,
    )


def _value(value: Any, path: Path, sample: _Sample) -> float:  # noqa: ANN401 -- any JSON value
    if isinstance(value, str) and value in _LETTERS:
        return _LETTERS[value]
    if isinstance(value, int | float) and 0 <= value <= 1:
        return float(value)
    raise FormatError(
        f"{path}: sample {sample.id} has the score {value!r}.",
        fix="Scores must be C, I, P, N, true, false or between 0 and 1.",
    )


def _text(content: Any) -> str:  # noqa: ANN401 -- text, parts or messages
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part for part in content if isinstance(part, dict)]
    users = [part for part in parts if part.get("role") == "user"]
    if users:
        return _text(users[-1].get("content"))
    return "".join(str(part.get("text", "")) for part in parts)


# -- Ours as theirs ------------------------------------------------------------------------------


def as_log(run: EvalRun) -> dict[str, Any]:
    """A run as a log of Inspect, which `inspect view` and its dataframes read.

    What we did not measure is left out. The scorer is called ``weighbridge``.
    """
    created = run.info.created.replace("Z", "+00:00")
    rate = run.accuracy
    ids = list(dict.fromkeys(item.id for item in run.items))
    return {
        "version": _VERSION,
        "status": "success",
        "eval": {
            "eval_id": run.info.id,
            "run_id": run.info.id,
            "created": created,
            "task": run.suite,
            "task_id": run.suite_hash,
            "task_version": 0,
            "task_attribs": {},
            "task_args": {},
            "dataset": {"name": run.suite, "samples": len(ids), "sample_ids": ids},
            "model": run.info.model,
            "model_base_url": run.url,
            "model_args": {},
            "config": {"epochs": run.repeats},
            "packages": {"weighbridge": run.info.version},
            "scorers": [{"name": "weighbridge"}],
        },
        "plan": {"name": "plan", "steps": [], "config": {}},
        "results": {
            "total_samples": len(run.items),
            "completed_samples": len(run.items) - run.errors,
            "scores": [
                {
                    "name": "weighbridge",
                    "scorer": "weighbridge",
                    "params": {},
                    "metrics": {"accuracy": {"name": "accuracy", "value": rate, "params": {}}},
                }
            ],
        },
        "stats": {"started_at": created, "completed_at": created, "model_usage": _usage(run)},
        "samples": [_sample(item, run.info.model) for item in run.items],
    }


def _usage(run: EvalRun) -> dict[str, Any]:
    return {run.info.model: _tokens(run.items)}


def _tokens(items: Sequence[ItemResult]) -> Mapping[str, int]:
    asked = sum(item.prompt_tokens for item in items)
    told = sum(item.output_tokens for item in items)
    return {"input_tokens": asked, "output_tokens": told, "total_tokens": asked + told}


def _sample(item: ItemResult, model: str) -> dict[str, Any]:
    answer = {"role": "assistant", "content": item.answer, "source": "generate"}
    told: dict[str, Any] = {
        "id": item.id,
        "epoch": item.repeat + 1,
        "input": item.prompt,
        "target": _target(item.expected),
        "messages": [{"role": "user", "content": item.prompt, "source": "input"}, answer],
        "output": {
            "model": item.answered_by or model,
            "choices": [
                {"message": answer, "stop_reason": _STOPS.get(item.finish_reason, "unknown")}
            ],
            "completion": item.answer,
            "usage": _tokens((item,)),
            "time": item.latency_ms / 1000,
        },
        "scores": {
            "weighbridge": {
                "value": "C" if item.correct else item.score if 0 < item.score < 1 else "I",
                "answer": item.answer,
                "explanation": item.detail,
            }
        },
        "metadata": {"group": item.group, "notes": item.notes},
        "store": {},
        "events": [],
        "model_usage": {},
        "attachments": {},
    }
    if item.error:
        told["metadata"]["error"] = item.error
    return told


def _target(expected: Any) -> Any:  # noqa: ANN401 -- text, or a list of texts
    if isinstance(expected, str):
        return expected
    if isinstance(expected, list) and all(isinstance(one, str) for one in expected):
        return expected
    return msgspec.json.encode(expected).decode()
