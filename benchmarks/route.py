"""What a learned route gains on data that it has not seen, and how long routing takes.

    .venv/bin/python benchmarks/route.py [FOLDER]

FOLDER is ../shared/data/routing unless told; what is not there is skipped. Three parts:

- by tasks: seven models of one size on five data sets (RouterDC); trained on the training half,
  reported on the test half and on three data sets that training knows nothing of. Every data set
  counts alike. Intervals are of paired differences to the best single model (95 %).
- escalation: Mixtral and GPT-4 on MMLU and GSM8K (RouteLLM); random halves, the mean over eight.
- time: of classifying each test prompt, the best of five runs, and of decisions of the policy.

What training chooses it chooses inside the training part. The size of the features and the
averaging of penalties were compared on random halves of the RouteLLM data, which makes its figure a
little optimistic.
"""

from __future__ import annotations

import sys

# Not from this folder, whose inspect.py would hide the standard library's.
sys.path.pop(0)

import csv
import gzip
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from weighbridge.core.gateway import Asked, Grant, ModelView
from weighbridge.core.learned_route import decode, encode
from weighbridge.core.routing import (
    Condition,
    ModelEntry,
    Route,
    RouterConfig,
    Signals,
    TaskSignal,
)
from weighbridge.decide.route_escalation import Pairs, recovered, train_escalation
from weighbridge.decide.route_training import Graded, train
from weighbridge.serve.routing.classifier import Classifier
from weighbridge.serve.routing.policy import RoutePolicy

FOLDER = Path(__file__).parents[1] / ".." / "shared" / "data" / "routing"
SPLITS = 8
SHARE = 0.2
REPEATS = 5


def main() -> None:
    """Run all three parts."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    prompts = by_tasks(folder / "routerdc_7x7b.jsonl.gz")
    escalation(folder / "routellm_mixtral_vs_gpt4.csv.gz")
    decisions(prompts)


def by_tasks(path: Path) -> tuple[Classifier, tuple[str, ...]] | None:
    """Train on one half, report on the other and on what is of no known kind."""
    if not path.exists():
        print(f"skipped: there is no {path}")
        return None
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    parts = {split: graded(rows, split) for split in ("train", "test", "ood")}
    began = time.perf_counter()
    learned, report = train(parts["train"])
    print(f"by tasks: trained on {len(parts['train'].prompts):,} prompts in ", end="")
    print(f"{time.perf_counter() - began:.0f} s; coverage {report.coverage:.2f}")
    print(f"  {report.sentence}")
    route = Classifier(decode(encode(learned), "the route"))
    for split in ("test", "ood"):
        tell(split, parts[split], route, report.models[0][0])
    return route, parts["test"].prompts


def graded(rows: list[dict[str, object]], split: str) -> Graded:
    """The prompts of one split."""
    own = [row for row in rows if row["split"] == split]
    models = tuple(rows[0]["scores"])  # type: ignore[call-overload]
    return Graded(
        models,
        tuple(str(row["dataset"]) for row in own),
        tuple(str(row["prompt"]) for row in own),
        np.array([[row["scores"][model] for model in models] for row in own]),  # type: ignore[index]
    )


def tell(split: str, data: Graded, route: Classifier, single: str) -> None:
    """Scores of the route and of the best single model, per data set and over all."""
    said = [route.choose(prompt) for prompt in data.prompts]
    rows = np.arange(len(said))
    routed = data.scores[rows, [data.models.index(one.tied[0]) for one in said]]
    alone = data.scores[:, data.models.index(single)]
    of = np.array(data.tasks)
    means, errors = [], []
    for name in data.names:
        own = of == name
        difference = (routed - alone)[own]
        means.append((routed[own].mean(), alone[own].mean()))
        errors.append(difference.var(ddof=1) / len(difference))
        typical = np.mean(
            [one.task is not None for one, mine in zip(said, own, strict=True) if mine]
        )
        print(
            f"  {split} {name}: routed {means[-1][0]:.4f}, {single} {means[-1][1]:.4f}, "
            f"taken for a known task {100 * typical:.0f} %"
        )
    score, base = np.mean(means, axis=0)
    half = 1.96 * math.sqrt(sum(errors)) / len(errors)
    best = max(
        (np.mean([data.scores[of == name, one].mean() for name in data.names]), model)
        for one, model in enumerate(data.models)
    )
    print(
        f"  {split}: macro score {score:.4f}, best single of training {base:.4f}, difference "
        f"{score - base:+.4f} ± {half:.4f}; best single in hindsight {best[0]:.4f} ({best[1]})"
    )


def escalation(path: Path) -> None:
    """The share of the gap recovered on the halves that training did not see."""
    if not path.exists():
        print(f"skipped: there is no {path}")
        return
    csv.field_size_limit(1 << 24)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    weak = np.array(
        [float(row["mixtral-8x7b-instruct_correct"] in {"1", "1.0", "True"}) for row in rows]
    )
    strong = np.array(
        [float(row["gpt-4-1106-preview_correct"] in {"1", "1.0", "True"}) for row in rows]
    )
    results = []
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(len(rows))
        half, other = order[: len(rows) // 2], order[len(rows) // 2 :]
        results.append(one_half(rows, weak, strong, half, other))
    for label, column in (("top 20 %", 0), ("by the threshold", 1), ("strong calls by it", 2)):
        values = [result[column] for result in results]
        error = 1.96 * float(np.std(values, ddof=1)) / math.sqrt(SPLITS)
        print(f"  {label}: {np.mean(values):.4f} ± {error:.4f} over {SPLITS} random halves")


def one_half(
    rows: list[dict[str, str]],
    weak: np.ndarray,
    strong: np.ndarray,
    half: np.ndarray,
    other: np.ndarray,
) -> tuple[float, float, float]:
    """Gap recovered at 20 % of calls, and by the threshold as learned with the calls it makes."""
    pairs = Pairs(
        "mixtral",
        "gpt-4",
        tuple(rows[one]["prompt"] for one in half),
        tuple(rows[one]["subject"] or rows[one]["dataset"] for one in half),
        weak[half],
        strong[half],
    )
    learned, report = train_escalation(pairs, SHARE)
    route = Classifier(decode(encode(learned), "the route"))
    scores = np.array([route.gain(rows[one]["prompt"]) or 0.0 for one in other])
    gaps = (strong - weak)[other]
    threshold = learned.header.escalation.threshold if learned.header.escalation else 0.0
    called = scores > threshold
    result = (
        recovered(gaps, scores, SHARE),
        float((called * gaps).sum() / gaps.sum()),
        float(called.mean()),
    )
    print(f"escalation: cross-validated {report.recovered:.3f}, on the other half {result[0]:.3f}")
    return result


def decisions(known: tuple[Classifier, tuple[str, ...]] | None) -> None:
    """How long a classification and a decision take."""
    if known is not None:
        route, prompts = known
        times = [best_of(lambda prompt=prompt: route.choose(prompt)) for prompt in prompts]
        shown = np.percentile(times, [50, 99, 100])
        print(f"classify: p50 {shown[0]:.0f} µs, p99 {shown[1]:.0f} µs, longest {shown[2]:.0f} µs")
    models = {name: ModelEntry(url="http://127.0.0.1:1") for name in ("small", "large")}
    routes = (
        Route(use=("small",), when=Condition(tools=True)),
        Route(use=("large", "small"), when=Condition(min_prompt_tokens=2000)),
        Route(use=("small", "large")),
    )
    simple = RoutePolicy(RouterConfig(models=models, routes=routes))
    task = Signals(task={"sums": TaskSignal(("plus", "minus")), "names": TaskSignal(("who",))})
    by_task = RoutePolicy(RouterConfig(models=models, routes=routes, signals=task))
    views = {name: ModelView(name, "ready") for name in models}
    asked = Asked("/v1/chat/completions", "auto", message="what is two plus two? " * 10)
    named = Asked("/v1/chat/completions", "small")
    for label, policy, request in (
        ("model by its name", simple, named),
        ("auto, three routes", simple, asked),
        ("auto, keywords", by_task, asked),
    ):
        took = many(lambda policy=policy, request=request: policy.decide(request, Grant(), views))
        print(f"decide, {label}: {took:.2f} µs")


def best_of(work: Callable[[], object]) -> float:
    """Microseconds of the fastest of several runs: what the others took more is the machine's."""
    fastest = math.inf
    for _ in range(REPEATS):
        began = time.perf_counter_ns()
        work()
        fastest = min(fastest, time.perf_counter_ns() - began)
    return fastest / 1e3


def many(work: Callable[[], object], times: int = 20_000) -> float:
    """Microseconds of one run, the mean over many, the best of five means."""
    fastest = math.inf
    for _ in range(REPEATS):
        began = time.perf_counter_ns()
        for _ in range(times):
            work()
        fastest = min(fastest, time.perf_counter_ns() - began)
    return fastest / times / 1e3


if __name__ == "__main__":
    main()
