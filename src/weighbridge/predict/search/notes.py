"""What a plan rests on, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.core.machine import Machine
from weighbridge.core.plan import Requirements
from weighbridge.predict.calibration import Calibration
from weighbridge.predict.search.runs_on import engines_on
from weighbridge.predict.search.space import GGUF_CACHE, usual_engines
from weighbridge.predict.search.ways import Way
from weighbridge.predict.serving.coefficients import fitted
from weighbridge.predict.serving.spreads import is_fitted, stranger


def notes(
    machine: Machine,
    met: Sequence[Way],
    asked: Requirements,
    calibrated: Sequence[Calibration] = (),
) -> tuple[str, ...]:
    """Assumptions that concern what is shown."""
    engines = {way.settings.engine for way in met}
    named = {engine.name for engine in engines}
    found = []
    if named - {"llama.cpp"}:
        fit = fitted()
        found.append(
            f"Times of serving engines: closed form, fitted {fit.date} on {fit.source}. Of models "
            "left out of the fit, 8 in 10 runs had a TPOT of "
            f"×{fit.tpot.low:.2f} to ×{fit.tpot.high:.2f} the prediction, and a TTFT of "
            f"×{fit.ttft.low:.2f} to ×{fit.ttft.high:.2f}."
        )
        if not is_fitted(machine.device):
            found.append(stranger(machine.device))
    if any(way.settings.engine.name == "llama.cpp" and way.settings.users > 1 for way in met):
        found.append("What several users at once cost llama.cpp is assumed, not measured.")
    found += _about_memory(machine, met, asked)
    found += [corrected(one) for one in calibrated if one.engine in named]
    if any(engine.name == "vllm" and not engine.version for engine in engines):
        found.append("The version of vLLM is not given; a recent one is assumed.")
    if not asked.slo.bounds:
        found.append("No condition on latency was given: whatever fits counts as meeting all.")
    else:
        found.append(
            "Percentiles are of requests that come independently of each other. Of the first rows "
            "by serving engines a load was simulated as well; conditions that it breaks are named."
        )
    return tuple(found)


def _about_memory(machine: Machine, met: Sequence[Way], asked: Requirements) -> list[str]:
    """What is told to engines that they would not choose, and what was not tried."""
    found = []
    device = machine.device
    short = {way.settings.engine.name for way in met if way.settings.kv_bytes_per_value == 1}
    if short and asked.kv_bytes_per_value is None:
        why = [
            "where 16 bits hold too little" if short - {"trtllm"} else "",
            "TensorRT-LLM's default for checkpoints of 8 bits and less"
            if "trtllm" in short
            else "",
        ]
        found.append(
            f"KV caches in fp8 are marked ({', '.join(filter(None, why))}). What they cost in "
            "quality is not measured here: among equals 16 bits come first, and --kv-dtype 16bit "
            "leaves fp8 out."
        )
    if asked.kv_bytes_per_value is None and any(
        way.settings.kv_bytes_per_value == GGUF_CACHE for way in met
    ):
        found.append(
            "KV caches in q8_0 are marked (llama.cpp, where 16 bits hold too little; it needs "
            "flash attention). What they cost in quality is not measured here: among equals 16 "
            "bits come first, and --kv-dtype 16bit leaves q8_0 out."
        )
    raised = {way.settings.engine.name for way in met if way.settings.utilisation is not None}
    if raised and asked.utilisation is None:
        found.append(
            f"Where the default share of memory of {' and '.join(sorted(raised))} leaves no room "
            "for a model, a larger one is told to it, and the row is in doubt."
        )
    left_out = set(engines_on(device)) - set(usual_engines(device))
    weighed = any(way.settings.engine.name in left_out for way in met)  # a file only it loads
    if left_out and not asked.engines and not weighed:
        found.append(
            f"llama.cpp was not weighed: where NVLink joins devices like {device.name}, servers "
            "that batch requests are the usual choice. --engine llamacpp weighs it."
        )
    return found


def corrected(by: Calibration) -> str:
    """That the user's own measurements correct times."""
    noun = "point" if by.points == 1 else "points"
    return (
        f"Times of {by.engine} on {by.device} are corrected by {by.points} measured {noun} of "
        f"{', '.join(by.models)} ({', '.join(by.runs)}; `weigh calibrate --list`)."
    )
