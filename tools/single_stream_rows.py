"""Measured speeds of single requests as rows of facts: what ran on what, and how long it took."""

from __future__ import annotations

import csv
import gzip
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Final, Literal

from single_stream_models import architecture, at_bits, sized
from weighbridge.core.machine import Device, Rate
from weighbridge.core.units import GIB
from weighbridge.facts.devices.catalogue import find
from weighbridge.predict.llamacpp.silicon import Silicon, silicon
from weighbridge.predict.llamacpp.token_load import TokenLoad

Metric = Literal["decode_tps", "prefill_tps"]

PERF: Final = Path(__file__).parents[2] / "shared/data/perf"
# F16 files of 8B that read prompts 2 to 20 times slower than Q4_K_M or 70B F16 on the same cards.
_FAULTY: Final = {("L40S", 1), ("L40S", 4), ("A100 SXM", 1), ("A100 SXM", 4), ("RTX 5000 Ada", 4)}
# (pattern of a device in the tables, its name in our catalogue); the first that matches counts.
DEVICES: Final[tuple[tuple[str, str], ...]] = (
    (r"8745H", "Radeon 780M 32GB"),
    (r"7840HS", "Ryzen 7 7840HS 32GB"),
    (r"AI MAX", "Ryzen AI Max+ 395 128GB"),
    (r"7900 XTX", "RX 7900 XTX"),
    (r"3060 12", "RTX 3060 12GB"),
    (r"3070", "RTX 3070"),
    (r"3080 Ti", "RTX 3080 Ti"),
    (r"3080 12", "RTX 3080 12GB"),
    (r"3080", "RTX 3080 10GB"),
    (r"3090 Ti", "RTX 3090 Ti"),
    (r"3090", "RTX 3090"),
    (r"4070 Super", "RTX 4070 SUPER"),
    (r"4070 Ti", "RTX 4070 Ti"),
    (r"4070", "RTX 4070"),
    (r"4080", "RTX 4080"),
    (r"4090", "RTX 4090"),
    (r"5080", "RTX 5080"),
    (r"5090", "RTX 5090"),
    (r"(RTX [456]000 Ada|RTX A6000|A40|L40S|H100 PCIe)", r"\1"),
    (r"(A100 PCIe|A100 SXM)", r"\1 80GB"),
    (r"M1 7", "M1 7-core 8GB"),
    (r"M2 Ultra", "M2 Ultra 192GB"),
    (r"M3 Max", "M3 Max 40-core 64GB"),
    (r"M4 Max", "M4 Max 40-core 64GB"),
    (r"M4 Pro", "M4 Pro 48GB"),
    (r"M1 Max", "M1 Max 64GB"),
)
# Bits per weight of types that llama.cpp's own table lacks: of files of that name.
_BITS: Final = {
    "Q4_0": 4.6, "BF16": 16.0, "Q4_K_XL": 4.9, "Q4_K_L": 5.0, "Q6_K_XL": 7.0, "Q3_K_XL": 4.0,
    "Q3_K_M": 4.0, "Q8_K_XL": 9.5, "MXFP4": 4.25, "4bit": 4.5, "8bit": 8.5, "MLX-8bit": 8.5,
    "INT4": 4.6, "int4": 4.5, "AWQ": 4.6, "FP8": 8.2,
}  # fmt: skip
# 8 cores × 3.8 GHz × two 256-bit multiply-adds of fp32, as the catalogue counts processors.
_RYZEN_FLOPS: Final = 8 * 3.8e9 * 32
_RENAMED: Final = r"abliterat|MTP|REAP|ternary|CRACK"
# Posts with longer prompts, or prompts too short to be timed, say other things than speed.
_LONGEST, _SHORTEST = 20000, 256


@dataclass(frozen=True, slots=True)
class Row:
    """One measured speed: ``seconds`` per token (decode) or per prompt (prefill)."""

    source: str
    device: str
    model: str
    chip: Silicon
    load: TokenLoad
    backend: str
    devices: int
    tokens: int  # prefill: of the prompt; decode: in the cache on average
    seconds: float
    suspect: bool = False


def all_rows(metric: Metric, folder: Path = PERF) -> list[Row]:
    """Every usable row of ``decode_tps`` or ``prefill_tps``."""
    lengths = (128, 1024, 4096) if metric == "decode_tps" else (512, 4096)
    return [
        *xiongjiedai(folder, metric),
        *strix_halo(folder, metric, lengths),
        *localmaxxing(folder, metric),
        *gguf_types(folder, metric),
    ]


@cache
def device(text: str) -> Device | None:
    """The device that a table calls ``text``; None where it is not one of ours."""
    for pattern, name in DEVICES:
        if found := re.search(pattern, text):
            return find(found.expand(name)).device
    return None


def _listed(text: str) -> Device:
    found = device(text)
    if found is None:
        raise ValueError(f"There is no device {text!r}.")
    return found


def lines(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, gzipped or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def xiongjiedai(folder: Path, metric: Metric) -> Iterator[Row]:
    """Llama 3 on 20 devices, 1 to 8 of them; 1024 tokens written or read (llama.cpp 2024-05)."""
    for line in lines(folder / "llamacpp_xiongjiedai.csv"):
        if line["metric"] != metric:
            continue
        name = line["hardware"].replace("\u2011", "-")
        found = _listed(name)
        quant, count = line["quant"], int(line["gpu_count"])
        load = sized(line["model"], quant, float(line["weights_gib"]) * GIB)
        tokens = 512 if metric == "decode_tps" else 1024
        small_float = metric == "prefill_tps" and quant == "F16" and load.layers < 80
        yield Row(
            "XiongjieDai", found.name, f"{line['model']} {quant}", silicon(found), load,
            "metal-2024" if found.vendor == "Apple" else "cuda-2024", count, tokens,
            _seconds(metric, float(line["value"]), tokens),
            small_float and any(n in found.name and count == many for n, many in _FAULTY),
        )  # fmt: skip


def strix_halo(folder: Path, metric: Metric, lengths: tuple[int, ...]) -> Iterator[Row]:
    """The best backend and build of each model and length."""
    best: dict[tuple[str, str, str, int], float] = {}
    for line in lines(folder / "llamacpp_strixhalo_lhl.csv.gz"):
        length = int(float(line["gen_tokens"] or line["prompt_tokens"] or 0))
        if line["metric"] == metric and length in lengths:
            key = (line["model"], line["quant"], line["weights_gib"], length)
            best[key] = max(best.get(key, 0.0), float(line["value"]))
    found = _listed("AI MAX")
    for (model, quant, gib, length), value in best.items():
        name = quant.split(") ")[-1].split(" ")[0]
        # The file of GLM holds its layer of multi-token prediction too, which nothing reads.
        part = 106.9 / 110.47 if "GLM" in model else 1.0
        tokens = length // 2 if metric == "decode_tps" else length
        yield Row(
            "Strix Halo", found.name, model, silicon(found),
            sized(model, name, float(gib) * GIB * part), "vulkan", 1, tokens,
            _seconds(metric, value, tokens),
        )  # fmt: skip


def localmaxxing(folder: Path, metric: Metric) -> Iterator[Row]:
    """Users' posts: known models, one device, no speculation, all in its memory; medians."""
    bits = {quant: value for quant, _, value in _gguf(folder, "bits_per_weight")} | _BITS
    groups: dict[tuple[Device, str, str, str, int], list[tuple[float, int]]] = defaultdict(list)
    for line in lines(folder / "llmfit_localmaxxing.csv"):
        if line["metric"] != metric or (key := _usable(line, bits)) is None:
            continue
        prompt = int(float(line["prompt_tokens"] or 0))
        if prompt <= _LONGEST and (metric == "decode_tps" or prompt >= _SHORTEST):
            groups[(*key, prompt // 2000)].append((float(line["value"]), prompt))
    for (found, backend, model, quant, _), values in groups.items():
        tokens = round(median(tokens for _, tokens in values)) + (64 if "dec" in metric else 0)
        more = 8.5 if "gpt-oss" in model and quant != "BF16" else bits[quant]
        row = Row(
            "localmaxxing", found.name, f"{model} {quant}", silicon(found),
            at_bits(model, quant, more), backend, 1, tokens,
            _seconds(metric, median(value for value, _ in values), tokens),
        )  # fmt: skip
        if metric == "decode_tps" or _plausible(row):
            yield row


def gguf_types(folder: Path, metric: Metric) -> Iterator[Row]:
    """23 types on one machine that the table does not name.

    Its F16 figures (29.2 tokens/s, 923 prompt tokens/s) are those of an M4 Max with 40 cores and of
    no other device here, so it counts as one; it tells types apart, more than devices.
    """
    found, tokens = _listed("M4 Max"), 64 if metric == "decode_tps" else 512
    for quant, gib, value in _gguf(folder, metric):
        load = sized("Llama-3.1-8B", quant, gib * GIB)
        yield Row(
            "gguf types", found.name, quant, silicon(found), load, "metal", 1, tokens,
            _seconds(metric, value, tokens),
        )  # fmt: skip


def _seconds(metric: Metric, value: float, tokens: int) -> float:
    return 1 / value if metric == "decode_tps" else tokens / value


def _gguf(folder: Path, metric: str) -> Iterator[tuple[str, float, float]]:
    """(type, GiB, value) of llama.cpp's table of Llama-3.1-8B in 23 types."""
    table = lines(folder / "gguf_bits_per_weight.csv")
    sizes = {x["quant"]: float(x["value"]) for x in table if x["metric"] == "file_size"}
    for line in table:
        if line["metric"] == metric:
            yield line["quant"], sizes[line["quant"]], float(line["value"])


def _plausible(row: Row) -> bool:
    """Not a cached prompt nor one read by the processor: 3 to 100 % of the dense rate.

    Short integers may double the rate of a processor's vector units.
    """
    rate, load = row.chip.matrix_rate, row.load
    active = load.dense_weights + load.head_weights + load.expert_weights * load.expert_share
    return rate is not None and 0.03 < 2 * row.tokens * active / row.seconds / rate < (
        2.0 if row.backend == "cpu" else 1.0
    )


def _posted(hardware: str) -> Device | None:
    """The device of a post; the Ryzen's cores are another device than its graphics."""
    found = device(hardware)
    if found is not None and "7840HS" in hardware:
        rate = Rate("fp32", _RYZEN_FLOPS, "formula")
        return replace(found, name="Ryzen 7 7840HS, cores", kind="cpu", rates=(rate,))
    return found


def _usable(line: dict[str, str], bits: dict[str, float]) -> tuple[Device, str, str, str] | None:
    """(device, backend, model, quant) of a post that says enough and ran on one device alone."""
    found, model = _posted(line["hardware"]), line["model"].split("/")[-1]
    quant = line["quant"].removeprefix("UD-")
    if found is None or quant not in bits or re.search(_RENAMED, model, re.IGNORECASE):
        return None
    built = architecture(model)
    if built is None or "spec=0" not in line["notes"] or line["gpu_count"] != "1":
        return None
    on_cpu = line["backend"] == "cpu"
    timed_otherwise = line["engine"] == "ollama" and "pre" in line["metric"]
    if on_cpu != (found.kind == "cpu") or timed_otherwise:
        return None
    layers = re.search(r"ngl=(\d+)", line["notes"])
    if layers and int(layers[1]) < built.depth and not on_cpu:
        return None
    memory = re.search(r"(\d+)GB", line["hardware"])
    if memory and built.parameters * bits[quant] / 8 > 0.93e9 * float(memory[1]):
        return None
    native = {"NVIDIA": "cuda", "Apple": "metal"}.get(found.vendor)
    amd = "rocm" if line["backend"] == "rocm" or "7900" in found.name else "vulkan"
    backend = "cpu" if on_cpu else native or amd
    return found, "vllm" if line["engine"] == "vllm" else backend, model, quant
