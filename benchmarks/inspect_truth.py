"""How often the reading of a config.json is exact, over ../shared/data/configs.

Run: python benchmarks/inspect_truth.py [model type …]. Truth: transformers on the meta device
(parameters) and closed forms checked against its cache (bytes), see truth.csv beside the configs.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path
from typing import Final

from weighbridge.core.architecture import Component, ModelArchitecture
from weighbridge.core.errors import WeighbridgeError
from weighbridge.facts.architectures.grouping import by_module
from weighbridge.facts.architectures.read import read_config

CONFIGS = Path(__file__).parents[1].parent / "shared/data/configs"

# Families beyond the first readers (Llama, Qwen, Mistral, Gemma). Theirs were written later from
# keys and class shapes and checked here: groups of a report, not a blind test. That one is
# tests/data/configs, whose dimensions no published model has.
HELD_OUT: Final = frozenset(
    {"deepseek_v4", "glm_moe_dsa", "nemotron_h", "granitemoehybrid", "kimi_linear", "minimax",
     "minimax_m1", "minimax_m2", "minimax_m3", "gemma4", "step3p7", "bailing_hybrid", "lfm2",
     "lfm2_moe", "laguna", "hy_v3", "mistral4"}
)  # fmt: skip

COLUMNS: Final[dict[str, Component]] = {
    "p_embedding": "embedding",
    "p_per_layer_emb": "per_layer_embedding",
    "p_attention": "attention",
    "p_linear_mixer": "linear_mixer",
    "p_indexer": "indexer",
    "p_mlp": "mlp",
    "p_experts": "experts",
    "p_shared_expert": "shared_expert",
    "p_router": "router",
    "p_norm": "norm",
    "p_lm_head": "lm_head",
    "p_vision": "vision",
    "p_audio": "audio",
    "p_other": "other",
}


def number(text: str) -> int | None:
    """A number of the table, or None where the field is empty."""
    return int(float(text)) if text else None


def off_components(found: ModelArchitecture, row: dict[str, str]) -> list[str]:
    """The components that differ by more than 0.1 %."""
    counts = by_module(found).by_component
    wrong = []
    for column, component in COLUMNS.items():
        expected, value = number(row[column]) or 0, counts[component]
        if abs(expected - value) > max(expected, 1) / 1000:
            wrong.append(f"{component} {value} for {expected}")
    return wrong


def verdicts(found: ModelArchitecture, row: dict[str, str]) -> dict[str, str]:
    """Per question "" where right, else what is off; questions without truth are left out."""
    said: dict[str, str] = {}
    for question, column, value in (
        ("parameters", "exact_params_meta", found.parameters),
        ("active", "active_params_meta", found.active),
        ("kv", "kv_ref_bytes_at_32768", found.kv_bytes(32768, 2.0)),
    ):
        expected = number(row[column])
        if expected is not None:
            said[question] = "" if value == expected else f"{value} for {expected}"
    if row["exact_params_meta"]:
        said["components"] = ", ".join(off_components(found, row))
    return said


def main() -> None:
    """Print the table."""
    with (CONFIGS / "truth.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if not sys.argv[1:] or row["model_type"] in sys.argv[1:]
        ]
    scores: dict[tuple[str, str], list[int]] = {}
    started = time.perf_counter()
    spent = 0.0
    for row in rows:
        raw = json.loads((CONFIGS / row["file"]).read_bytes())
        before = time.perf_counter()
        try:
            found = read_config(raw, name=row["name"])
            said = verdicts(found, row)
        except WeighbridgeError as error:
            said = {"parameters": str(error)}
        spent += time.perf_counter() - before
        group = "held out" if row["model_type"] in HELD_OUT else "tuned"
        for question, wrong in said.items():
            scores.setdefault((question, group), []).append(int(not wrong))
            if wrong:
                print(f"{row['model_type']:18} {row['name']:52} {question}: {wrong}")
    for (question, group), marks in sorted(scores.items()):
        print(f"{question:12} {group:9} {sum(marks):4} of {len(marks)}")
    whole = time.perf_counter() - started
    print(f"{len(rows)} configurations read in {spent:.3f} s ({whole:.3f} s with files)")


if __name__ == "__main__":
    main()
