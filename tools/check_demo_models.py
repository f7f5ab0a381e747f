"""Measure the demo models through the embedded engine, and write their cards.

Every GGUF is served by xllamacpp in this process and answers both suites and the traffic over HTTP
at temperature 0. Needs the extras ``demo`` and ``train``.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import xllamacpp
from tokenizers import Tokenizer

from demo_cards import Accuracy, write_card
from demo_model import load
from demo_tasks import TASKS, Answer, Example, Task, draw
from demo_tokenizer import render
from make_demo_data import DEMO, FIELD
from train_demo_models import exact_share

ROOT: Final = DEMO.parent.parent.parent
SLOTS: Final = 4
MAX_TOKENS: Final[dict[Task, int]] = {"arithmetic": 16, "extraction": 48}
TOKENIZER_PROMPTS: Final = 300


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a suite or of the traffic (``source``)."""

    source: str
    task: Task
    prompt: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one answer compares with the right one."""

    item: Item
    exact: bool
    fields_right: int


def read_items(demo: Path) -> list[Item]:
    """Both suites, then the traffic."""
    suite = [
        Item("suite", task, row[FIELD[task]], row["answer"])
        for task in TASKS
        for row in read_jsonl(demo / "suites" / task / "items.jsonl")
    ]
    traffic = [
        Item("traffic", row["task"], row["prompt"], row["answer"])
        for row in read_jsonl(demo / "traffic.jsonl")
    ]
    return suite + traffic


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file."""
    return (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """Serve one GGUF on a free port of this machine; yields the URL."""
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = SLOTS
    params.n_ctx = 512 * SLOTS
    params.verbosity = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    try:
        yield server.listening_address
    finally:
        del server


def post(url: str, body: dict[str, object]) -> dict[str, Any]:
    """The JSON answer to a JSON request."""
    request = urllib.request.Request(  # noqa: S310 - always the engine on this machine
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
    return answer


def complete(url: str, item: Item) -> str:
    """The model's greedy answer to one item."""
    body: dict[str, object] = {
        "messages": [{"role": "user", "content": item.prompt}],
        "temperature": 0,
        "max_tokens": MAX_TOKENS[item.task],
    }
    content: str = post(f"{url}/v1/chat/completions", body)["choices"][0]["message"]["content"]
    return content


def judge(item: Item, text: str) -> Outcome:
    """Compare numbers as strings, JSON as objects and field by field."""
    if isinstance(item.answer, str):
        exact = text.strip() == item.answer
        return Outcome(item, exact, int(exact))
    try:
        given = json.loads(text)
    except json.JSONDecodeError:
        given = None
    right = 0
    if isinstance(given, dict):
        right = sum(given.get(key) == value for key, value in item.answer.items())
    return Outcome(item, given == item.answer, right)


def measure(gguf: Path, items: Sequence[Item]) -> list[Outcome]:
    """One outcome per item, in order."""
    with serving(gguf) as url, ThreadPoolExecutor(SLOTS) as pool:
        texts = list(pool.map(lambda item: complete(url, item), items))
    return [judge(item, text) for item, text in zip(items, texts, strict=True)]


def accuracies(outcomes: Sequence[Outcome]) -> list[Accuracy]:
    """Accuracy per source and task."""
    found = []
    for source in ("suite", "traffic"):
        for task in TASKS:
            chosen = [o for o in outcomes if (o.item.source, o.item.task) == (source, task)]
            fields = sum(1 if isinstance(o.item.answer, str) else 3 for o in chosen)
            found.append(
                Accuracy(
                    source=source,
                    task=task,
                    items=len(chosen),
                    exact=sum(o.exact for o in chosen) / len(chosen),
                    fields=sum(o.fields_right for o in chosen) / fields,
                )
            )
    return found


def tokenization_differs(gguf: Path, tokenizer: Tokenizer) -> int:
    """How many of 300 rendered prompts the engine cuts differently from ``tokenizer.json``."""
    rng = Random(0)
    texts = [render(draw(TASKS[i % 2], "train", rng).prompt) for i in range(TOKENIZER_PROMPTS)]
    with serving(gguf) as url:
        return sum(
            post(f"{url}/tokenize", {"content": text, "parse_special": True})["tokens"]
            != tokenizer.encode(text).ids
            for text in texts
        )


def report_parity(gguf: Path, hf_folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Say on stderr whether the engine cuts and answers prompts as torch does."""
    tokenizer = Tokenizer.from_file(str(hf_folder / "tokenizer.json"))
    examples = [Example(o.item.task, "", o.item.prompt, o.item.answer) for o in outcomes]
    in_torch = exact_share(load(hf_folder), tokenizer, examples)
    in_engine = sum(outcome.exact for outcome in outcomes) / len(outcomes)
    print(
        f"{gguf.stem}: {tokenization_differs(gguf, tokenizer)} of {TOKENIZER_PROMPTS} prompts "
        f"tokenized differently; exact on all items: torch {in_torch:.4f} (bf16 weights), "
        f"engine {in_engine:.4f}",
        file=sys.stderr,
    )


def print_table(measured: dict[str, list[Accuracy]]) -> None:
    """One row per GGUF."""
    columns = [f"{a.source} {a.task}" for a in next(iter(measured.values()))]
    print(f"{'':14}" + "".join(f"{column:>22}" for column in columns))
    for name, row in measured.items():
        cells = (f"{a.exact:.3f} ({a.fields:.3f}) n={a.items}" for a in row)
        print(f"{name:14}" + "".join(f"{cell:>22}" for cell in cells))
    print("exact (for extraction: share of fields right in brackets)")


def print_pairs(outcomes: dict[str, list[Outcome]]) -> None:
    """For pairs of models, on the same items: who is right where the other is wrong."""
    pairs = (
        ("tally-f16", "porter-f16", "arithmetic"),
        ("clerk-f16", "porter-f16", "extraction"),
        ("porter-f16", "porter-q8_0", "arithmetic"),
        ("porter-f16", "porter-q4_0", "arithmetic"),
        ("porter-f16", "porter-q4_0", "extraction"),
    )
    for first, second, task in pairs:
        if first in outcomes and second in outcomes:
            both = [
                (a.exact, b.exact)
                for a, b in zip(outcomes[first], outcomes[second], strict=True)
                if a.item.task == task
            ]
            wins, losses = both.count((True, False)), both.count((False, True))
            points = 100 * (wins - losses) / len(both)
            print(
                f"{task}: {first} against {second}: {wins} better, {losses} worse, "
                f"{points:+.1f} points, n={len(both)}"
            )


def main() -> None:
    """Measure, print, and with ``--cards`` write the cards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="root of the tree to read")
    parser.add_argument("--cards", action="store_true", help="write models/<name>.card.md")
    arguments = parser.parse_args()
    models = arguments.root / "src" / "weighbridge" / "demo" / "models"
    items = read_items(DEMO)
    outcomes: dict[str, list[Outcome]] = {}
    for gguf in sorted(models.glob("*.gguf")):
        hf = arguments.root / "tests" / "data" / "hf" / gguf.stem.split("-")[0]
        outcomes[gguf.stem] = measure(gguf, items)
        report_parity(gguf, hf, outcomes[gguf.stem])
    measured = {name: accuracies(found) for name, found in outcomes.items()}
    print_table(measured)
    print_pairs(outcomes)
    if arguments.cards:
        for name in sorted({stem.split("-")[0] for stem in measured}):
            rows = {stem: row for stem, row in measured.items() if stem.startswith(name)}
            write_card(models / f"{name}.card.md", arguments.root / "tests/data/hf" / name, rows)


if __name__ == "__main__":
    main()
