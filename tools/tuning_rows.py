"""Published memory and speed of training runs, as ../shared/data/finetune_vram.csv has them.

The file names a row's model, method and source. What the source says of all its rows, or by their
order, is spelt out here: torchtune's tables are of batches packed to the full sequence, and its
table of flags adds one flag per row.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from weighbridge.core.tuning import TuningRun
from weighbridge.core.units import GIB
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.catalog import load
from weighbridge.predict.tuning.shapes import Shape, shape_of

SHARED = Path(__file__).parents[2] / "shared" / "data"
_FULL = TuningRun("full", precision="bf16")
# Alpaca's examples are short: unpacked, a batch is padded to a few hundred tokens.
UNPACKED_TOKENS = 300
_BASE = replace(_FULL, sequence=4096, loss="full", checkpointing=False, compiled=False)
_IN_BACKWARD = replace(_FULL, sequence=4096, optimizer_in_backward=True)
_LORA = TuningRun("lora", rank=8)
_QLORA = TuningRun("qlora", rank=8)

# torchtune's README: model, method, device and note of the file -> how it was run. That the rows on
# an A6000 go without checkpointing is inferred: their memory leaves nothing else.
_TORCHTUNE: Final[dict[tuple[str, str, str], TuningRun]] = {
    ("Llama-3.1-8B", "full (optimizer-in-bwd/paged 8-bit)", "RTX 4090"): replace(
        _FULL, optimizer="paged-8bit", optimizer_in_backward=True
    ),
    ("Llama-3.1-8B", "full", "RTX A6000"): replace(
        _FULL, optimizer="paged-8bit", optimizer_in_backward=True, checkpointing=False
    ),
    ("Llama-3.1-8B", "LoRA", "RTX 4090"): _LORA,
    ("Llama-3.1-8B", "LoRA", "RTX A6000"): replace(_LORA, checkpointing=False),
    ("Llama-3.1-8B", "QLoRA", "RTX 4090"): _QLORA,
    ("Llama-3.1-70B", "full + CPU offload, fused opt", "8x A100"): replace(
        _FULL, devices=8, weights_offload=True
    ),
    ("Llama-3.1-70B", "LoRA", "8x A100"): replace(_LORA, devices=8),
    ("Llama-3.1-405B", "QLoRA", "8x A100"): replace(_QLORA, devices=8),
    ("Llama-3.2-3B", "baseline", "A100"): replace(_BASE, padded=UNPACKED_TOKENS),
    ("Llama-3.2-3B", "+packed", "A100"): _BASE,
    ("Llama-3.2-3B", "+compile", "A100"): replace(_BASE, compiled=True),
    ("Llama-3.2-3B", "+chunked CE", "A100"): replace(_BASE, compiled=True, loss="chunked"),
    ("Llama-3.2-3B", "+activation ckpt", "A100"): replace(_FULL, sequence=4096),
    ("Llama-3.2-3B", "+opt in bwd", "A100"): _IN_BACKWARD,
    ("Llama-3.2-3B", "+act offload", "A100"): replace(_IN_BACKWARD, activation_offload=True),
    ("Llama-3.2-3B", "+8-bit AdamW", "A100"): replace(
        _IN_BACKWARD, activation_offload=True, optimizer="adamw-8bit"
    ),
    ("Llama-3.2-3B", "LoRA", "A100"): replace(_LORA, sequence=4096, activation_offload=True),
    ("Llama-3.2-3B", "QLoRA", "A100"): replace(_QLORA, sequence=4096, activation_offload=True),
}
# Axolotl's examples, as the YAML files beside each README say: the file's model and method -> our
# name of the model, and the run. All with cut cross entropy, which keeps no logits, but MiMo.
_CUT = TuningRun("qlora", rank=32, optimizer="adamw-8bit", loss="fused", compiled=False)
_AXOLOTL: Final[dict[tuple[str, str], tuple[str, TuningRun]]] = {
    ("Ministral-8B", "QLoRA"): ("mistralai/Ministral-8B-Instruct-2410", _CUT),
    ("Devstral 24B", "QLoRA"): (
        "mistralai/Mistral-Small-3.1-24B-Instruct-2503",
        replace(_CUT, optimizer="adamw"),
    ),
    ("Magistral 24B", "QLoRA"): ("mistralai/Mistral-Small-3.1-24B-Instruct-2503", _CUT),
    ("Magistral-small think", "QLoRA"): ("mistralai/Mistral-Small-3.1-24B-Instruct-2503", _CUT),
    ("Seed-OSS-36B", "QLoRA"): ("ByteDance-Seed/Seed-OSS-36B-Instruct", _CUT),
    ("OLMo-3-7B", "QLoRA"): ("allenai--Olmo-3-7B-Instruct", _CUT),
    ("MiMo-7B", "QLoRA/LoRA"): ("XiaomiMiMo/MiMo-7B-Base", replace(_CUT, loss="full")),
    ("Mistral-Medium-3.5-128B text", "QLoRA"): ("mistralai/Mistral-Medium-3.5-128B", _CUT),
    ("Mistral-Small-4 119B no experts", "QLoRA"): (
        "mistralai/Mistral-Small-4-119B-2603",
        replace(_CUT, batch=1),
    ),
    ("gemma-4-31B", "QLoRA"): (
        "google/gemma-4-31B-it",
        replace(_CUT, rank=16, batch=1, activation_offload=True),
    ),
    ("GLM-4.7-Flash 31B-A3B", "QLoRA no experts"): ("zai-org/GLM-4.7-Flash", _CUT),
    ("GLM-4.7-Flash 31B-A3B", "QLoRA + experts"): (
        "zai-org/GLM-4.7-Flash",
        replace(_CUT, expert_adapters=True),
    ),
    ("gpt-oss-20b", "LoRA linear layers"): (
        "openai/gpt-oss-20b",
        replace(_CUT, method="lora", rank=8, sequence=4096, batch=1, activation_offload=True),
    ),
    ("Qwen3-Next-80B no experts", "QLoRA"): (
        "Qwen/Qwen3-Next-80B-A3B-Instruct",
        replace(_CUT, rank=16),
    ),
    ("Qwen3-Next-80B experts", "QLoRA"): (
        "Qwen/Qwen3-Next-80B-A3B-Instruct",
        replace(_CUT, rank=16, expert_adapters=True),
    ),
    ("Qwen3.5-27B", "QLoRA"): ("Qwen/Qwen3.5-27B", replace(_CUT, rank=16, batch=1)),
}


@dataclass(frozen=True)
class Row:
    """One published run.

    Attributes:
        model: as the file calls it.
        method: likewise.
        note: which flag its row adds.
        device: what it ran on, as the file says.
        bytes: peak of one device.
        tokens_per_s: of all devices, or None.
        kind: measured, estimate, vendor minimum …
        run: what is known of how it was run; None where that is not known.
        shape: of the model; None where its architecture is not known.
    """

    model: str
    method: str
    note: str
    device: str
    bytes: float | None
    tokens_per_s: float | None
    kind: str
    run: TuningRun | None = None
    shape: Shape | None = None

    @property
    def label(self) -> str:
        """Tells a row from the others."""
        flag = self.note if self.note.startswith(("+", "baseline")) else ""
        return " ".join(word for word in (self.model, self.method, flag, self.device) if word)


def read_rows(folder: Path = SHARED) -> list[Row]:
    """All rows of the file, those with known settings completed."""
    with (folder / "finetune_vram.csv").open(encoding="utf-8", newline="") as lines:
        return [_row(raw, folder) for raw in csv.DictReader(lines)]


def scored(rows: list[Row]) -> list[Row]:
    """Rows of kind ``measured`` whose settings are known: torchtune's."""
    return [row for row in rows if row.kind == "measured" and row.run and row.bytes]


def elsewhere(rows: list[Row]) -> list[Row]:
    """Measured by other software, with settings from the files beside: never fitted to."""
    return [row for row in rows if "config yml" in row.kind and row.run and row.bytes]


def _row(raw: dict[str, str], folder: Path) -> Row:
    row = Row(
        model=raw["model"],
        method=raw["method"],
        note=raw["note"],
        device=raw["gpu"],
        bytes=_bytes(raw["vram"], raw["unit"]),
        tokens_per_s=float(raw["tokens_per_s"]) if raw["tokens_per_s"] else None,
        kind=raw["kind"],
    )
    if "torchtune" in raw["source"]:
        flag = row.note if row.note.startswith(("+", "baseline")) else row.method
        run = _TORCHTUNE.get((row.model, flag, row.device))
        return replace(row, run=run, shape=_shape(row.model, folder))
    known = _AXOLOTL.get((row.model, row.method)) if "axolotl" in raw["source"] else None
    if known is None:
        return row
    shape = _shape(known[0], folder)
    # Devstral and Magistral of 2506 and 2507 are this model without its tower.
    alone = replace(shape, towers=0) if shape and row.model.startswith(("Dev", "Mag")) else shape
    return replace(row, run=known[1], shape=alone)


def _bytes(text: str, unit: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number * (GIB if unit.startswith("GiB") else 1e9)


def _shape(name: str, folder: Path) -> Shape | None:
    if "--" in name:
        raw = json.loads((folder / "configs" / f"{name}.json").read_text(encoding="utf-8"))
        return shape_of(read_config(raw, name=name))
    return shape_of(load().find(name).architecture())
