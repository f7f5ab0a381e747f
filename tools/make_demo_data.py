"""Write the demo's suites and its recorded traffic into ``src/weighbridge/demo/``.

Seeded and free of dependencies: running it again writes the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Final

from demo_tasks import PERSON_SCHEMA, TASKS, Answer, Example, Task, draw_distinct

SEED: Final = 20261121
ITEMS_PER_TASK: Final = 200
# What a lower precision costs is a point or two: that takes more items to see.
PRECISION_SUITE: Final = "arithmetic-1500"
PRECISION_ITEMS: Final = 1500
DEMO: Final = Path(__file__).resolve().parent.parent / "src" / "weighbridge" / "demo"

FIELD: Final[dict[Task, str]] = {"arithmetic": "question", "extraction": "text"}

SUITE_YAML: Final[dict[Task, str]] = {
    "arithmetic": """\
name: arithmetic
description: Sums, differences and products of small whole numbers, worded in eight ways.
prompt: "{question}"
scorer: exact
max_tokens: 16
""",
    "extraction": f"""\
name: extraction
description: Name, age and city of a person, out of one sentence, as JSON.
prompt: "{{text}}"
scorer: json
schema: {json.dumps(PERSON_SCHEMA)}
max_tokens: 48
""",
}


def suite_rows(task: Task, examples: Sequence[Example]) -> Iterable[dict[str, Answer]]:
    """The lines of a suite's ``items.jsonl``."""
    for number, example in enumerate(examples, start=1):
        yield {
            "id": f"{task}-{number:03d}",
            FIELD[task]: example.prompt,
            "answer": example.answer,
        }


def traffic_rows(examples: Sequence[Example]) -> Iterable[dict[str, Answer]]:
    """The lines of ``traffic.jsonl``, in the order in which the requests arrive."""
    for number, example in enumerate(examples, start=1):
        yield {
            "id": f"request-{number:03d}",
            "task": example.task,
            "prompt": example.prompt,
            "answer": example.answer,
        }


def write_jsonl(path: Path, rows: Iterable[dict[str, Answer]]) -> None:
    """One compact JSON object a line, in UTF-8."""
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_suite(folder: Path, task: Task) -> None:
    """``suite.yaml`` and ``items.jsonl`` of one task."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "suite.yaml").write_text(SUITE_YAML[task], encoding="utf-8")
    examples = draw_distinct(task, "suite", ITEMS_PER_TASK, Random(f"{SEED}/{task}/suite"))
    write_jsonl(folder / "items.jsonl", suite_rows(task, examples))


def write_precision_suite(folder: Path) -> None:
    """Nearly all held-out arithmetic facts, to tell precisions of the same weights apart."""
    folder.mkdir(parents=True, exist_ok=True)
    yaml = SUITE_YAML["arithmetic"].replace("name: arithmetic", f"name: {PRECISION_SUITE}")
    (folder / "suite.yaml").write_text(yaml, encoding="utf-8")
    examples = draw_distinct(
        "arithmetic", "suite", PRECISION_ITEMS, Random(f"{SEED}/{PRECISION_SUITE}")
    )
    write_jsonl(folder / "items.jsonl", suite_rows("arithmetic", examples))


def write_traffic(path: Path) -> None:
    """The requests of both tasks, shuffled together."""
    examples = [
        example
        for task in TASKS
        for example in draw_distinct(
            task, "traffic", ITEMS_PER_TASK, Random(f"{SEED}/{task}/traffic")
        )
    ]
    Random(f"{SEED}/traffic").shuffle(examples)
    write_jsonl(path, traffic_rows(examples))


def main() -> None:
    """Write the suites and the traffic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DEMO, help="the demo folder to write into")
    out: Path = parser.parse_args().out
    for task in TASKS:
        write_suite(out / "suites" / task, task)
    write_precision_suite(out / "suites" / PRECISION_SUITE)
    write_traffic(out / "traffic.jsonl")


if __name__ == "__main__":
    main()
