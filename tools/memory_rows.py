"""vLLM's start-up logs as scenarios: each row with the model, its weights and what vLLM was told.

What a log does not say is left to the engine's defaults, as a user would leave it. Models that the
catalogue lacks are read from ``../shared/data/configs``, or built from published dimensions here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.estimate import Engine, Parallelism, Settings
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.memory.footprint import Footprint, WeightTable, footprint, weight_table

GIB = 1024**3
ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared/data"
TRUTH = SHARED / "perf/vllm_kv_memory_truth.csv"


def _qwen3(
    hidden: int, width: int, layers: int, heads: int, vocabulary: int = 151936
) -> dict[str, Any]:
    return {
        "model_type": "qwen3", "hidden_size": hidden, "intermediate_size": width,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": 8,
        "head_dim": 128, "vocab_size": vocabulary, "tie_word_embeddings": True,
        "max_position_embeddings": 40960,
    }  # fmt: skip


_QWEN25_VL_3B = {
    "model_type": "qwen2_5_vl", "hidden_size": 2048, "intermediate_size": 11008,
    "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 2,
    "vocab_size": 151936, "tie_word_embeddings": True, "max_position_embeddings": 128000,
    "vision_config": {
        "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
        "out_hidden_size": 2048, "patch_size": 14, "spatial_merge_size": 2,
        "temporal_patch_size": 2, "in_chans": 3,
    },
}  # fmt: skip

# Beginning of a row's model -> (where its architecture is, number format).
_MODELS: tuple[tuple[str, str | dict[str, Any], str], ...] = (
    ("openai/gpt-oss-120b", "openai/gpt-oss-120b", "mxfp4"),
    ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", "bf16"),
    ("Qwen/Qwen3-32B", "Qwen/Qwen3-32B", "bf16"),
    ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B", "bf16"),
    ("neuralmagic/Meta-Llama-3.1-70B", "file:meta-llama--Meta-Llama-3-70B", "int8"),
    ("Qwen/Qwen3-4B", "file:Qwen--Qwen3-4B", "bf16"),
    ("Qwen/Qwen2.5-0.5B", "file:Qwen--Qwen2.5-0.5B", "bf16"),
    ("Qwen/Qwen3-Coder-30B-A3B", "Qwen/Qwen3-Coder-30B-A3B-Instruct", "bf16"),
    ("Qwen/Qwen3-VL-30B-A3B-FP8", "Qwen/Qwen3-VL-30B-A3B-Instruct", "fp8"),
    ("Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "Qwen/Qwen3-235B-A22B-Instruct-2507", "fp8"),
    ("Qwen3-Next-80B-A3B W4A16", "Qwen/Qwen3-Next-80B-A3B-Instruct", "GPTQ int4 g128"),
    ("MiniMaxAI/MiniMax-M2.7", "MiniMaxAI/MiniMax-M2.7", "fp8"),
    ("Qwen3.6-27B MTP", "Qwen/Qwen3.6-27B", "AWQ int4 g128"),
    ("Qwen3.8-27B exl3", "Qwen/Qwen3.8-27B", "AWQ int4 g128"),
    ("Qwen3-1.7B 4-bit", _qwen3(2048, 6144, 28, 16), "AWQ int4 g128"),
    ("phi-4 bnb-4bit", "microsoft/phi-4", "AWQ int4 g128"),
    ("Llama-3.1-8B bnb-4bit", "meta-llama/Llama-3.1-8B-Instruct", "AWQ int4 g128"),
    ("Qwen/Qwen2.5-7B-Instruct fp16", "Qwen/Qwen2.5-7B-Instruct", "bf16"),
    ("Qwen/Qwen2.5-VL-3B-Instruct", _QWEN25_VL_3B, "bf16"),
    ("Qwen2.5-VL-7B-Instruct-AWQ", "file:Qwen--Qwen2.5-VL-7B-Instruct", "AWQ int4 g128"),
    ("google/gemma-4-31B-it", "google/gemma-4-31B-it", "bf16"),
)
# vLLM's first engine until 0.8, and on older GPUs also later.
_FIRST_ENGINE = "0.7"
_OLD_GPUS = ("V100", "T4", "RTX 2060")
# Logs quoted in issues of spring 2026, when this was the newest version.
_HF_MEM = "0.19"
# Totals of GPUs that a row names without saying how much they have.
_TOTALS = {"L40S": 44.42}
_LINKED = ("H100", "H200", "B200", "A100")


@dataclass(frozen=True)
class Row:
    """One log.

    Attributes:
        raw: its columns.
        model: what leave-one-model-out splits go by.
        shape: the model.
        table: its weights, predicted from the architecture.
        settings: what vLLM was told.
        device_bytes: of the GPU as its driver reports it, or None.
        nvlink: whether GPUs are joined by NVLink.
    """

    raw: dict[str, str]
    model: str
    shape: Footprint
    table: WeightTable
    settings: Settings
    device_bytes: float | None
    nvlink: bool

    def number(self, column: str) -> float | None:
        """A column as a number, or None where it is empty."""
        return float(self.raw[column]) if self.raw[column] else None


def rows(path: Path = TRUTH) -> Iterator[Row]:
    """All rows of models that can be modelled, the engine being vLLM on a GPU."""
    with path.open(newline="") as file:
        for raw in csv.DictReader(file):
            known = next((m for m in _MODELS if raw["model"].startswith(m[0])), None)
            if raw["engine"] == "vllm" and known is not None:
                yield _row(raw, *known)


def architecture(source: str | dict[str, Any], name: str) -> ModelArchitecture:
    """A model of the catalogue, of a file among the shared configurations, or as given."""
    if isinstance(source, dict):
        return read_config(source, name=name)
    if source.startswith("file:"):
        path = SHARED / "configs" / f"{source[5:]}.json"
        return read_config(json.loads(path.read_text()), name=name)
    return load().find(source).architecture()


def _row(raw: dict[str, str], name: str, source: str | dict[str, Any], fmt: str) -> Row:
    model = architecture(source, name)
    shape = footprint(model)
    gpu = raw["gpu"]
    # Where more GPUs are named than TP × PP explains, weights and cache per token are those of TP
    # over all of them (Qwen3-235B: an eighth of the weights, one head of four on each GPU).
    pipeline = int(float(raw["pp"] or 1))
    tensor = max(int(float(raw["tp"] or 1)), int(float(raw["n_gpu"] or 1)) // pipeline)
    total = float(raw["gpu_mem_total_gib"] or _TOTALS.get(gpu, 0))
    settings = Settings(
        engine=Engine("vllm", _version(raw)),
        context=int(float(raw["max_model_len"] or 8192)),
        parallelism=Parallelism(tensor, pipeline),
        kv_bytes_per_value=1.0 if raw["kv_dtype"].startswith("fp8") else 2.0,
        utilisation=float(raw["util"]) if raw["util"] else None,
        speculative_tokens=1 if "MTP" in raw["model"] else 0,
    )
    return Row(
        raw,
        name,
        shape,
        weight_table(shape, what_if(fmt, model)),
        settings,
        total * GIB if total else None,
        any(part in gpu for part in _LINKED),
    )


def _version(raw: dict[str, str]) -> str:
    text = raw["engine_version"]
    if text.startswith("V0") or any(part in raw["gpu"] for part in _OLD_GPUS):
        return _FIRST_ENGINE
    if raw["source"].startswith("alvarobartt/hf-mem"):
        return _HF_MEM
    return "0.8" if text.startswith("V1 2025-01") else text


def pool_of(row: Row) -> float | None:
    """What the log says of the pool, or what its other figures leave."""
    if "failed" in row.raw["notes"]:
        return None
    if (told := row.number("kv_gib_per_gpu")) is not None:
        return told
    parts = [row.number(f"{part}_gib") for part in ("activation", "non_torch")]
    parts.append(row.number("weights_gib_per_gpu"))
    if None in parts or row.settings.utilisation is None or row.device_bytes is None:
        return None
    return row.settings.utilisation * row.device_bytes / GIB - sum(part or 0.0 for part in parts)
