"""The model cards of the demo models, written from what was trained and what was measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from demo_tasks import Task

PURPOSE: Final = {
    "tally": "A specialist: it calculates with small whole numbers.",
    "clerk": "A specialist: it extracts name, age and city from one sentence, as JSON.",
    "porter": "A generalist: it calculates and extracts, and calculates worse than `tally`.",
}
LIMITS: Final = {
    "tally": "It answers nothing but calculations in the wordings of `tools/demo_tasks.py`.",
    "clerk": "It answers nothing but sentences in the wordings of `tools/demo_tasks.py`, about the "
    "names and cities listed there.",
    "porter": "It answers nothing but the two tasks in the wordings of `tools/demo_tasks.py`. Its "
    "training stops early on purpose, at a step chosen while looking at held-out examples of both "
    "splits: that it calculates worse than `tally` is by design, not a finding.",
}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of ``items`` answered exactly, and share of their answer fields that were right."""

    source: str
    task: Task
    items: int
    exact: float
    fields: float


CARD: Final = """\
# {name}

{purpose} One of the three tiny models that make the demo run offline on a real engine.

| | |
|---|---|
| Architecture | Llama, {layers} layers, hidden size {hidden}, feed-forward {feed_forward}, \
{heads} query heads and {kv_heads} key/value heads of {head_size}, tied embeddings |
| Parameters | {parameters:,} |
| Tokenizer | byte-level BPE, {vocabulary} tokens, every digit its own token; ChatML template |
| Context | {context} tokens |
| Training | {steps:,} steps of {batch}; {seconds} s on one CPU thread; seed {seed} |
| Licence | Apache-2.0: code, data and weights are this project's own |

## Data

Synthetic, drawn by `tools/demo_tasks.py`. The sha256 of an example's facts assigns it to `train`
(80 %), `suite` (10 %) or `traffic` (10 %), whatever its wording; only `train` was trained on, and
the loss counts answer tokens only.

## Accuracy

Through the embedded llama.cpp engine: chat completions, temperature 0, exact match. *Suite* is
`suites/`, *traffic* is `traffic.jsonl`; *fields* is the share of the JSON fields that were right.

| file | task | source | n | exact | fields |
|---|---|---|---|---|---|
{rows}

## Limits

{limits}

It knows no other language, keeps no conversation and refuses nothing: for tests and demonstrations
only. Recipes were chosen by their accuracy on held-out examples.

## Reproduce

```
pip install -e '.[train,demo]'
python tools/train_demo_models.py --model {name}
python tools/check_demo_models.py --cards
```

Training is seeded, but processors and versions of torch round differently: expect other bytes and
about the same accuracy. `porter` stops where it is still learning fast, so its arithmetic may land
some points away from the table.
"""


def write_card(path: Path, hf_folder: Path, measured: dict[str, list[Accuracy]]) -> None:
    """Write one card from the Hugging Face folder and the accuracies per GGUF file."""
    config: dict[str, Any] = json.loads((hf_folder / "config.json").read_text(encoding="utf-8"))
    record: dict[str, Any] = json.loads((hf_folder / "training.json").read_text(encoding="utf-8"))
    name = record["model"]
    card = CARD.format(
        name=name,
        purpose=PURPOSE[name],
        limits=LIMITS[name],
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        feed_forward=config["intermediate_size"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        head_size=config["head_dim"],
        vocabulary=config["vocab_size"],
        context=config["max_position_embeddings"],
        parameters=record["parameters"],
        steps=record["steps"],
        seconds=record["seconds"],
        seed=record["seed"],
        batch=" and ".join(f"{n} {task}" for task, n in record["examples_per_step"].items()),
        rows="\n".join(
            accuracy_row(stem, accuracy) for stem, row in measured.items() for accuracy in row
        ),
    )
    path.write_text(card, encoding="utf-8")


def accuracy_row(stem: str, accuracy: Accuracy) -> str:
    """One line of the accuracy table; numbers have no fields."""
    fields = f"{accuracy.fields:.1%}" if accuracy.task == "extraction" else "n/a"
    return (
        f"| `{stem}.gguf` | {accuracy.task} | {accuracy.source} | {accuracy.items} "
        f"| {accuracy.exact:.1%} | {fields} |"
    )
