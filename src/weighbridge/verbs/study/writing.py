"""``weigh study init``: a study's file with comments, made of a few answers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weighbridge.core.errors import InputError, WeighbridgeError
from weighbridge.core.study_file import HERE
from weighbridge.serve.config.faults import FaultyConfigError
from weighbridge.verbs.effects import writing
from weighbridge.verbs.study.reading import check_study

_WORD = re.compile(r"[^\w.-]+")
# A name of the Hub has an owner; older ones without go by their owner today.
_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
PROMPT_TOKENS = 800
OUTPUT_TOKENS = 200
_EXAMPLE = "Write tally=models/tally.gguf, api=https://host/v1#its-model, or Qwen/Qwen3-8B."


@dataclass(frozen=True, slots=True)
class Answers:
    """What a new study is to be about.

    Attributes:
        name: of the study.
        models: ``NAME=WHERE`` each, or only where: a .gguf file, an address, a name of the Hub.
        suites: folders, or names of shipped suites.
        machine: ``here`` or a line such as ``1x L40S``.
        users: at once, level by level.
        volume: tokens or requests a day; empty for no costs.
        slo: what users expect; empty for nothing.
        data_may_leave: None where nobody says.
        key_env: environment variable with the key of the addresses; empty for none.
        apis: that would be displaced, by name or price.
        same_model_apis: hosts of the same open model, likewise.
        gpu_price: USD an hour of a GPU, or a range of it; empty where nobody says.
    """

    name: str
    models: Sequence[str]
    suites: Sequence[str]
    machine: str = HERE
    users: Sequence[int] = (1, 8)
    volume: str = ""
    slo: str = ""
    data_may_leave: bool | None = None
    key_env: str = ""
    apis: Sequence[str] = ()
    same_model_apis: Sequence[str] = ()
    gpu_price: str = ""


def refusal(answers: Answers, path: Path, workspace: Path) -> str:
    """Why a study of these answers would not be accepted; empty where it would."""
    try:
        # Prices count whether or not there is a volume yet, without which the file has none.
        priced = answers if answers.volume else replace(answers, volume="1M-tokens/day")
        found = check_study(draft(priced, path.absolute().parent), path, workspace=workspace)
    except WeighbridgeError as error:
        return str(error)
    # A line of a file that nobody has seen yet would help nobody.
    return " ".join(str(replace(fault, line=0)) for fault in found.faults)


def new_study(answers: Answers, path: Path, workspace: Path) -> str:
    """Write a study's file that ``weigh study run`` accepts; returns its text.

    Args:
        answers: what it is to be about.
        path: of the file.
        workspace: whose price book counts.

    Raises:
        InputError: there is such a file already, or what is said cannot be.
        WorkspaceError: it cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise InputError(
            f"{path} is there already and is left alone.", fix="Name another file, or move it away."
        )
    text = draft(answers, path.absolute().parent)
    found = check_study(text, path, workspace=workspace)
    if found.asked is None:
        raise FaultyConfigError(f"What was said of {path}", found.faults)
    with writing(path) as beside:
        beside.write_text(text, encoding="utf-8")
    return text


def draft(answers: Answers, folder: Path) -> str:
    """The text of the file.

    Raises:
        InputError: a model is none, or two have one name.
    """
    candidates: dict[str, str] = {}
    for text in answers.models:
        name, line = _candidate(text, answers.key_env, folder)
        if name in candidates:
            raise InputError(
                f"Two models would be called {name}.",
                fix=f"Write another name: NAME={_where(text)}",
            )
        candidates[name] = line
    if not candidates:
        raise InputError("A study needs a model to weigh.", fix=_EXAMPLE)
    lines = [
        "# A study: run it with `weigh study run`, as often as you like; what is done is kept.",
        "# What every key means: docs/study.md. `weigh study status` says how far it is.",
        f"name: {_quoted(answers.name)}",
        "seed: 0",
        "",
        "# What is to serve: `here`, or a line such as 2x L40S.",
        f"machine: {_quoted(answers.machine)}",
        "# What all models that serve may take together.",
        "# memory_budget: 24 GiB",
        "",
        "# Models to weigh: engines that the study starts, or servers of others by their address.",
        "candidates:",
        *candidates.values(),
        "",
        *_workload(answers),
        "",
        "# What the candidates are asked: folders of suites, or names of `weigh suites list`.",
        f"suites: [{_listed(answers.suites)}]",
        "",
        *_bench(answers),
        "",
        *_prices(answers),
        "",
        *_constraints(answers),
        "",
        "# Proof of the routes: a file of unseen requests: id, task, prompt and answer a line.",
        "# route: {traffic: unseen.jsonl}",
    ]
    return "\n".join(lines) + "\n"


def _workload(answers: Answers) -> list[str]:
    users = ", ".join(map(str, answers.users))
    volume = (
        f"  volume: {_quoted(answers.volume)}" if answers.volume else "  # volume: 2M-tokens/day"
    )
    slo = f"slo: {_quoted(answers.slo)}" if answers.slo else "# slo: ttft_p95<2s,tpot_p95<60ms"
    return [
        "# What users ask; `users` are the levels of the load test.",
        "workload:",
        *_lengths(answers),
        f"  users: [{users}]",
        volume,
        "# What users expect.",
        slo,
    ]


def _lengths(answers: Answers) -> list[str]:
    """Of a typical request: a guess would be sent, planned and billed, so suites go before it."""
    if answers.suites:
        return [
            f"  # prompt_tokens: {PROMPT_TOKENS}  # of a typical request; where nothing is said,",
            f"  # output_tokens: {OUTPUT_TOKENS}  # as long as the suites' are measured to be",
        ]
    return [
        f"  prompt_tokens: {PROMPT_TOKENS}  # a guess: plans and costs rest on it, so put your own",
        f"  output_tokens: {OUTPUT_TOKENS}  # likewise",
    ]


def _bench(answers: Answers) -> list[str]:
    if not answers.suites:  # what is sent is then made up, of the lengths above
        return ["# How the candidates are loaded.", "# bench: {requests: 60}"]
    return [
        "# How the candidates are loaded: with the prompts of the suites.",
        "bench: {send: suites, requests: 60}",
    ]


def _prices(answers: Answers) -> list[str]:
    """What things cost, where a bill can be made of it; else as an example."""
    has_prices = answers.apis or answers.same_model_apis or answers.gpu_price
    is_asked = bool(answers.volume) and bool(has_prices or answers.machine != HERE)
    key = "" if is_asked else "# "

    def line(name: str, value: str, example: str) -> str:
        return f"{key}  {name}: {value}" if is_asked and value else f"#   {name}: {example}"

    return [
        "# What things cost, in USD; quantities may be ranges. `weigh prices` lists names of APIs.",
        *([] if answers.volume else ["# A bill needs a `volume` above."]),
        f"{key}prices:",
        line("api", _bracketed(answers.apis), '["some-api=0.15/0.60"]  # per million tokens'),
        line("same_model_api", _bracketed(answers.same_model_apis), '["a-host=0.05/0.20"]'),
        line(
            "hardware",
            f"{{gpu_price: {_quoted(answers.gpu_price)}}}" if answers.gpu_price else "",
            "{gpu_price: 0.8..1.1..1.9}  # an hour",
        ),
        "#   people: {fte: 0.1..0.2, fte_cost: 150k}",
        *(["  spare_replicas: 0"] if is_asked else []),
    ]


def _bracketed(texts: Sequence[str]) -> str:
    return f"[{_listed(texts)}]" if texts else ""


def _constraints(answers: Answers) -> list[str]:
    said = answers.data_may_leave
    leaves = "# data_may_leave: false" if said is None else f"data_may_leave: {str(said).lower()}"
    head = "constraints:" if said is not None else "# constraints:"
    return [
        "# What must hold whatever else is good.",
        head,
        f"  {leaves}" if said is not None else f"#   {leaves.removeprefix('# ')}",
        "#   intents: [commercial]",
        "#   usd_per_month: 2000",
        "#   min_accuracy: 0.8",
    ]


def _where(text: str) -> str:
    """Where the model is, without the name that it is given."""
    name, equals, where = text.partition("=")
    return (where if equals and "/" not in name and ":" not in name else text).strip()


def _candidate(text: str, key_env: str, folder: Path) -> tuple[str, str]:
    """A candidate's name, and its line under ``candidates``."""
    where = _where(text)
    name = "" if where == text.strip() else text.partition("=")[0].strip()
    if not where:
        raise InputError(f"{text!r} does not say where the model is.", fix=_EXAMPLE)
    if where.startswith(("http://", "https://")):
        return _server(name, where, key_env)
    is_file = where.endswith(".gguf")
    path = Path(where).expanduser()
    if not is_file and not _HUB.fullmatch(where) and not (folder / path).exists():
        raise InputError(
            f"{where!r} is no .gguf file, no address, and no name of the Hub, which has an owner.",
            fix=_EXAMPLE,
        )
    name = name or _name_of(where)
    engine = "llamacpp-embedded" if is_file else "vllm"
    return name, f"  {_quoted(name)}: {{engine: {engine}, source: {_quoted(where)}}}"


def _server(name: str, where: str, key_env: str) -> tuple[str, str]:
    url, _, model = where.partition("#")
    if not model:
        known = name or "ITS-MODEL"
        raise InputError(
            f"{where} does not say which model is meant.",
            fix=f"Write {name or 'NAME'}={where.rstrip('#')}#{known}, with what it calls the model "
            "behind the #.",
        )
    name = name or _name_of(model)
    parts = [f"url: {_quoted(url)}"]
    if model != name:
        parts.append(f"model: {_quoted(model)}")
    if key_env:
        parts.append(f"key_env: {_quoted(key_env)}")
    return name, f"  {_quoted(name)}: {{{', '.join(parts)}}}"


def _name_of(where: str) -> str:
    """A short name for a file or a name of the Hub."""
    last = where.rstrip("/").rpartition("/")[2].removesuffix(".gguf").removeprefix("demo:")
    return _WORD.sub("-", last).strip("-")


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(map(_quoted, texts))


def _quoted(text: str) -> str:
    """As YAML reads it back, whatever stands in it: JSON's strings are YAML's."""
    return json.dumps(text, ensure_ascii=False)
