"""The tables of benchmarks/predict_memory.py."""

from __future__ import annotations

import csv
import gzip
import statistics
from collections.abc import Iterable, Iterator

from fit_memory import LEAST_POOL_GIB, doubted, left_out, pool_use
from memory_rows import GIB, SHARED, Row, architecture, pool_of, rows
from weighbridge.core.estimate import Engine, Settings
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.memory.cache_pages import pages
from weighbridge.predict.memory.coefficients import Coefficients, coefficients
from weighbridge.predict.memory.footprint import footprint, weight_table
from weighbridge.predict.memory.use import memory_use
from weighbridge.predict.versions import parse_version

STRIX = {
    "Qwen3-30B-A3B-UD-Q4_K_XL": ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "Q4_K_M"),
    "Qwen3-32B-Q8_0": ("Qwen/Qwen3-32B", "Q8_0"),
    "Qwen3-235B-A22B-Instruct-2507-UD-Q3_K_XL": ("Qwen/Qwen3-235B-A22B-Instruct-2507", "Q3_K_M"),
}


def error(predicted: float, seen: float) -> float:
    """As a share of what was seen."""
    return predicted / seen - 1


def tokens(logs: Iterable[Row]) -> float:
    """Print the tokens that a pool of the logged size holds; the mean error of plain models."""
    print(
        f"\nKV cache in tokens, from the pool's logged bytes\n{'model':32} {'log':>9} {'ours':>9}"
    )
    plain, mixed = [], []
    for row in logs:
        pool, seen = row.number("kv_gib_per_gpu"), row.number("kv_tokens")
        version = parse_version(row.settings.engine.version)
        tensor, guessed = row.settings.parallelism.tensor, row.settings.speculative_tokens
        layout = pages(row.shape, tensor, 2.0, version, guessed=guessed)
        if not pool or not seen or layout is None:
            continue
        batched = 2048
        ours = layout.tokens(pool * GIB, row.settings.context, batched, version)
        off = error(ours, seen)
        # The pool is printed to 0.005 GiB: no prediction can be nearer than that.
        noise = 0.005 / pool
        (plain if layout.group_count == 1 else mixed).append(off)
        print(f"{row.model[:32]:32} {seen:9.0f} {ours:9.0f} {off:+8.3%} (rounding {noise:.3%})")
    print(f"one group: mean {mean(plain):.3%}, median {statistics.median(map(abs, plain)):.3%}")
    print(f"several groups: mean {mean(mixed):.3%}")
    return mean(plain)


def pools(logs: Iterable[Row], fitted: dict[str, Coefficients]) -> tuple[float, float]:
    """Print the cache that vLLM has left; mean errors of ours and of gpustack's rule."""
    print(f"\nKV pool of {LEAST_POOL_GIB:g} GiB and more, GiB; one model left out")
    print(f"{'model':32} {'vLLM':12} {'log':>6} {'ours':>6} {'error':>7} {'80 %':>13} {'naive':>7}")
    ours, naive, covered, shipped = [], [], 0, coefficients()
    floor = shipped.activation_floor_bytes / GIB
    for row in logs:
        seen = pool_of(row)
        if seen is None or seen < LEAST_POOL_GIB or row.device_bytes is None:
            continue
        # How wide intervals are is one number for all models, and is not fitted again.
        use = pool_use(row, doubted(fitted[row.model], shipped.activation_sd, floor))
        share = row.settings.utilisation or 0.9
        rule = share * row.device_bytes - 1.2 * row.table.total / row.settings.parallelism.devices
        ours.append(error(use.cache.value / GIB, seen))
        naive.append(error(rule / GIB - 2, seen))
        low, high = use.cache.low / GIB, use.cache.high / GIB
        covered += low <= seen <= high
        print(
            f"{row.model[:32]:32} {row.raw['engine_version'][:12]:12} {seen:6.2f} "
            f"{use.cache.value / GIB:6.2f} {ours[-1]:+7.1%} {low:6.2f}-{high:6.2f} "
            f"{naive[-1]:+7.1%}"
        )
    print(f"ours {mean(ours):.1%}, naive (weights × 1.2 + 2 GiB) {mean(naive):.1%}, target 4 %; ")
    print(f"median {statistics.median(map(abs, ours)):.1%}; intervals cover {covered}/{len(ours)}")
    return mean(ours), mean(naive)


def strix() -> None:
    """Peak memory of llama-bench on an APU, by context."""
    peaks: dict[tuple[str, int], list[float]] = {}
    sizes: dict[str, float] = {}
    for raw in _csv("llamacpp_strixhalo_lhl.csv.gz"):
        if raw["metric"] == "gpu_mem_peak" and raw["model"] in STRIX and "+fa" in raw["backend"]:
            context = int(float(raw["prompt_tokens"] or 0)) + int(float(raw["gen_tokens"] or 0))
            peaks.setdefault((raw["model"], context), []).append(float(raw["value"]))
            sizes[raw["model"]] = float(raw["weights_gib"])
    print(
        f"\nllama.cpp, peak GiB on Strix Halo\n{'model':42} {'context':>7} {'seen':>7} {'ours':>7}"
    )
    found = []
    for (model, context), values in sorted(peaks.items()):
        if context not in (512, 4096):
            continue
        source, fmt = STRIX[model]
        built = architecture(source, model)
        shape = footprint(built)
        table = weight_table(shape, what_if(fmt, built), round(sizes[model] * GIB))
        use = memory_use(shape, table, Settings(Engine("llama.cpp"), context), 120 * GIB)
        ours = use.total / GIB
        found.append(error(ours, statistics.median(values)))
        print(
            f"{model:42} {context:7} {statistics.median(values):7.2f} {ours:7.2f} {found[-1]:+6.1%}"
        )
    print(f"mean {mean(found):.1%}")


def fits() -> None:
    """Whether Llama 3 ran at all on NVIDIA GPUs of 8 to 80 GiB."""
    right = total = 0
    wrong = set()
    names = {
        "Llama-3-8B": "meta-llama--Meta-Llama-3.1-8B",
        "Llama-3-70B": "meta-llama--Meta-Llama-3-70B",
    }
    ran: dict[tuple[str, str, str, str], bool] = {}
    for raw in _csv("llamacpp_xiongjiedai.csv"):
        key = (raw["hardware"], raw["gpu_count"], raw["model"], raw["quant"])
        if (
            "M1" not in raw["hardware"]
            and "M2" not in raw["hardware"]
            and "M3" not in raw["hardware"]
        ):
            ran[key] = ran.get(key, True) and not (
                raw["metric"] == "fits" and float(raw["value"]) == 0
            )
    for (hardware, count, model, quant), did in ran.items():
        built = architecture(f"file:{names[model]}", model)
        shape = footprint(built)
        fmt = "bf16" if quant == "F16" else quant
        gib = float(hardware.split("GB")[0].split()[-1]) * int(float(count)) * 0.98
        table = weight_table(shape, what_if(fmt, built))
        settings = Settings(Engine("llama.cpp"), 2048)
        answer = memory_use(shape, table, settings, gib * GIB).fits
        total += 1
        right += answer == did
        if answer != did:
            wrong.add(f"{count} × {hardware} {model} {quant} ran: {did}")
    print(f"\nllama.cpp, fits or not: {right}/{total} right {sorted(wrong)}")


def mean(errors: Iterable[float]) -> float:
    """Mean absolute error."""
    return statistics.mean(map(abs, errors))


def _csv(name: str) -> Iterator[dict[str, str]]:
    path = SHARED / "perf" / name
    with gzip.open(path, "rt") if name.endswith(".gz") else path.open() as file:
        yield from csv.DictReader(file)


def main() -> None:
    """Print all tables."""
    logs = list(rows())
    tokens(logs)
    pools(logs, left_out(logs))
    strix()
    fits()
