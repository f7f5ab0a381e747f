"""How good models are at a task, by the user's own evaluations in the workspace."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from weighbridge.core.effects import Store
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import EvalRun

# What names of served models have behind the model's own: formats, file endings, tags.
_ENDING: Final = re.compile(
    r"[-_.:](gguf|awq|gptq|fp8|nvfp4|mxfp4|int[48]|bf16|f16|(?:ud-)?i?q\d\w*|latest)$"
)


def scores(store: Store, task: str, models: Sequence[str]) -> dict[str, tuple[float, Provenance]]:
    """Accuracy of each model that was evaluated on suites of that task, by the model's name.

    Of each suite the version counts that most of the models answered, and of each model its newest
    run; where several suites are of the task, their mean, of models that answered all of them.
    """
    runs = [
        store.load(info.id, EvalRun) for info in store.runs("eval") if is_of(info.subject, task)
    ]
    by_key = {key(name): name for name in models}
    newest: dict[tuple[str, str], dict[str, EvalRun]] = {}
    for run in runs:
        name = by_key.get(key(run.info.model))
        if name is not None and run.items:
            newest.setdefault((run.suite, run.suite_hash), {}).setdefault(name, run)
    chosen: dict[str, dict[str, EvalRun]] = {}
    for (suite, _), answered in newest.items():
        if len(answered) > len(chosen.get(suite, {})):
            chosen[suite] = answered
    if not chosen:
        return {}
    everywhere = set.intersection(*(set(answered) for answered in chosen.values()))
    return {name: _score([answered[name] for answered in chosen.values()]) for name in everywhere}


def is_of(suite: str, task: str) -> bool:
    """Whether a suite's name says the task: one of its words.

    >>> is_of("code-review", "code"), is_of("decode", "code")
    (True, False)
    """
    words = re.split(r"[^a-z0-9]+", suite.lower())
    return task.strip().lower() in {suite.lower(), *words}


def key(name: str) -> str:
    """What two names of one model have in common: no organisation, format or punctuation.

    >>> key("Qwen/Qwen3-8B") == key("qwen3-8b-q4_k_m")
    True
    """
    short = name.strip().lower().rpartition("/")[2]
    while (shorter := _ENDING.sub("", short)) != short:
        short = shorter
    return re.sub(r"[^a-z0-9]+", "", short)


def _score(runs: Sequence[EvalRun]) -> tuple[float, Provenance]:
    value = sum(run.accuracy for run in runs) / len(runs)
    source = ", ".join(run.info.id for run in runs)
    return value, Provenance("measured", source, max(run.info.created for run in runs))
