"""What a plan rests on, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.core.machine import Machine
from weighbridge.core.plan import Requirements
from weighbridge.predict.calibration import Calibration
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
    found += [_corrected(one) for one in calibrated if one.engine in named]
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


def _corrected(by: Calibration) -> str:
    noun = "point" if by.points == 1 else "points"
    return (
        f"Times of {by.engine} on {by.device} are corrected by {by.points} measured {noun} of "
        f"{', '.join(by.models)} ({', '.join(by.runs)}; `weigh calibrate --list`)."
    )
