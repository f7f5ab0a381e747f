"""llama.cpp serving users: a decoding step, a prompt, and what they make of requests.

One request alone is fitted (:mod:`weighbridge.predict.llamacpp.single_stream`). What several
sequences at once add, and what leaving layers or experts to the host costs, has no measurements
behind it here: the formulas are physics, the numbers marked below are assumed, and intervals are
widened for them.

A step of several sequences reads weights once, experts as many as are touched, and every sequence's
cache; each further sequence unpacks and multiplies for itself. Prompts are read in between, as in
:mod:`weighbridge.predict.serving.latency`. Layers left to the host are computed there, at its
memory's pace; prompts are computed on the device, to which those weights are copied for each batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from weighbridge.core.estimate import Offload
from weighbridge.core.machine import Device
from weighbridge.core.provenance import Interval, Kind
from weighbridge.predict.llamacpp.coefficients import Setting, SingleStream, fitted, half_width
from weighbridge.predict.llamacpp.silicon import Silicon, silicon
from weighbridge.predict.llamacpp.single_stream import (
    MICRO_BATCH,
    backend_of,
    decode_s,
    matrix_rate,
    prefill_s,
    unpack_cycles,
)
from weighbridge.predict.llamacpp.speculation import speculative_token_s
from weighbridge.predict.llamacpp.token_load import TokenLoad

LEVEL: Final = 0.8
_ALL_ON_DEVICES: Final = Offload()

# Assumed. llama-server samples its slots in turn on the processor: sorting a vocabulary of 150k
# takes some tenths of a millisecond.
_SAMPLING_S: Final = 3e-4
# Assumed: HTTP, template and tokens of a prompt before it is computed.
_FLOOR_S: Final = 1e-2
# Assumed: how much of the other users' prompts one waits for. A batch takes prompts of several
# slots together, so that a prompt in company takes longer from the start.
_QUEUE: Final = 0.3
# Assumed: a hand-over between the device and the host and back, per stretch of layers.
_CROSSING_S: Final = 5e-5
# Assumed where a host's bandwidth is not known: two channels of DDR5-5600.
HOST_BANDWIDTH: Final = 89.6e9
# Assumed widening of intervals, in logarithms: per doubling of the users, and for offloading.
_CROWD_SD: Final = 0.1
_OFFLOAD_WIDTH: Final = 0.4
# A queue is the sum of many things that are each uncertain.
_TTFT_CROWD_SD: Final = 0.2


@dataclass(frozen=True, slots=True)
class Speculation:
    """How tokens are guessed ahead.

    Attributes:
        guesses: in each step.
        acceptance: share of guesses that are right; nothing here predicts it.
        draft: the model that guesses, in its number format; None where guesses are free (n-grams).
    """

    guesses: int
    acceptance: float
    draft: TokenLoad | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One model on one machine.

    Attributes:
        load: the model in its number format.
        device: on what.
        devices: that hold consecutive layers.
        version: llama.cpp's build (``b6100``), or "".
        kv_bytes: per number of the cache.
        offload: what is left to the host.
        host_bandwidth: bytes/s of the host's memory, or None.
        speculation: how tokens are guessed ahead, or None.
        setting: whether the interval is that of benchmarks or of what users see.
    """

    load: TokenLoad
    device: Device
    devices: int = 1
    version: str = ""
    kv_bytes: float = 2.0
    offload: Offload = _ALL_ON_DEVICES
    host_bandwidth: float | None = None
    speculation: Speculation | None = None
    setting: Setting = "field"

    @property
    def device_layers(self) -> float:
        """Share of the layers on devices."""
        wanted = self.offload.gpu_layers
        if wanted is None or self.device.kind == "cpu" or not self.load.layers:
            return 1.0
        return max(0.0, min(wanted / self.load.layers, 1.0))

    @property
    def host_experts(self) -> float:
        """Of the layers on devices, the share whose experts are left to the host."""
        held = self.load.layers * self.device_layers
        if not held or not self.load.expert_weights or self.device.kind == "cpu":
            return 0.0
        return min(max(self.offload.cpu_expert_layers, 0) / held, 1.0)

    @property
    def offloads(self) -> bool:
        """Whether anything is left to the host."""
        return self.device_layers < 1 or self.host_experts > 0


@dataclass(frozen=True, slots=True)
class LlamaCppLatency:
    """What a request waits for, in seconds, with 80 % intervals.

    Attributes:
        ttft_s: to the first token, waiting for a slot included; None where the device's rate of
            products is not known.
        tpot_s: per further token.
        step_s: one step of all sequences, no prompt in between.
        prefill_s: that a prompt keeps the device busy, or None.
        running: requests that run at once; the others wait for a slot.
        requests_per_s: finished by all users together, or None.
        kind: ``predicted`` from fitted numbers, or ``assumed``.
        notes: sentences on what was assumed.
    """

    ttft_s: Interval | None
    tpot_s: Interval
    step_s: float
    prefill_s: float | None
    running: float
    requests_per_s: float | None
    kind: Kind
    notes: tuple[str, ...]


def llamacpp_latency(
    case: Case,
    *,
    users: float,
    prompt: float,
    output: float,
    slots: float = math.inf,
    numbers: SingleStream | None = None,
) -> LlamaCppLatency:
    """What each of ``users`` waits for who all ask again as soon as they are answered.

    The server runs ``slots`` requests at once (``--parallel``), by default as many as there are.
    """
    c = numbers or fitted()
    users, output = max(users, 1.0), max(output, 1.0)
    running = max(min(users, slots), 1.0)
    step = step_s(case, running, prompt + output / 2, c)
    reading = prompt_s(case, prompt, c)
    others = running - 1
    queue = _QUEUE if others else 0.0
    between = 0.0 if reading is None else reading * others * (1 - queue) / output
    tpot = step + between
    first = None if reading is None else _FLOOR_S + reading * (1 + queue * others) + step
    finished = None if first is None else running / (first + output * tpot)
    waiting = (users / running - 1) * ((reading or 0.0) + output * tpot)
    assumed = others > 0 or case.offloads or case.speculation is not None
    return LlamaCppLatency(
        ttft_s=None if first is None else _interval(first + waiting, ttft_width(case, users, c)),
        tpot_s=_interval(tpot, tpot_width(case, running, c)),
        step_s=step,
        prefill_s=reading,
        running=running,
        requests_per_s=finished,
        kind="assumed" if assumed else "predicted",
        notes=tuple(_notes(case, running)),
    )


def step_s(case: Case, sequences: float, context: float, c: SingleStream) -> float:
    """Seconds per token of each of several sequences of ``context`` tokens."""
    guessing = case.speculation
    if guessing is None:
        return _pass_s(case, sequences, sequences, context, c)
    checked = sequences * (guessing.guesses + 1)
    verify = _pass_s(case, checked, sequences, context, c)
    draft = 0.0
    if guessing.draft is not None:
        small = Case(guessing.draft, case.device, version=case.version, kv_bytes=case.kv_bytes)
        draft = _pass_s(small, sequences, sequences, context, c)
    return speculative_token_s(verify, draft, guessing.acceptance, guessing.guesses)


def prompt_s(case: Case, tokens: float, c: SingleStream) -> float | None:
    """Seconds to read a prompt; None where the device's rate of products is not known."""
    chip, backend = silicon(case.device), backend_of(case.device, case.version)
    computed = prefill_s(
        chip, case.load, tokens, c.prefill, backend=backend, devices=case.devices
    )  # fmt: skip
    if computed is None or not case.offloads or case.device.link.kind == "unified":
        return computed
    _, on_host = parts(case)
    batch = min(tokens, MICRO_BATCH)
    bytes_ = sum(part.dense_bytes + part.expert_bytes * part.touched(batch) for part in on_host)
    return computed + math.ceil(tokens / MICRO_BATCH) * bytes_ / case.device.host_bytes_per_s


def parts(case: Case) -> tuple[TokenLoad, tuple[TokenLoad, ...]]:
    """What the device computes, and what the host does; the head goes to the device last."""
    load, layers, experts = case.load, case.device_layers, case.host_experts
    if not case.offloads:
        return load, ()
    left = (load.part(1 - layers, head=True),) if layers < 1 else ()
    if experts:
        left = (*left, load.experts_alone(layers * experts))
    return load.part(layers, experts=1 - experts, head=layers == 1), left


def _pass_s(case: Case, tokens: float, sequences: float, context: float, c: SingleStream) -> float:
    """Seconds of one pass over ``tokens`` new tokens of so many sequences."""
    on_device, on_host = parts(case)
    backend = backend_of(case.device, case.version)
    places = [(silicon(case.device), on_device, backend, case.devices)]
    if on_host:
        host = _host(case)
        places += [(host, part, "cpu", 1) for part in on_host]
    seconds = sum(
        decode_s(
            chip, load, sequences * load.cache_bytes(context, case.kv_bytes), c.decode,
            backend=backend, devices=devices, sequences=tokens,
        )
        + (tokens - 1) * _further_s(chip, load, backend, c)
        for chip, load, backend, devices in places
    )  # fmt: skip
    stretches = on_device.layers * case.host_experts + (case.device_layers < 1)
    return seconds + 2 * stretches * _CROSSING_S + (tokens - 1) * _SAMPLING_S


def _host(case: Case) -> Silicon:
    """The processor, of which nothing but its memory is known."""
    bandwidth = case.host_bandwidth or HOST_BANDWIDTH
    return Silicon("CPU", "", bandwidth, None, None, None, inline_ecc=False, dies=1)


def _further_s(chip: Silicon, load: TokenLoad, backend: str, c: SingleStream) -> float:
    """Seconds of unpacking and multiplying for one more token in a step."""
    active = load.dense_weights + load.head_weights + load.expert_weights * load.expert_share
    unpacking = unpack_cycles(chip, load, c.decode) * active / chip.cycles if chip.cycles else 0.0
    rate = matrix_rate(chip, load, c.prefill, backend)
    if rate is None:
        # A processor's products hide behind its memory up to about eight tokens.
        return (load.dense_bytes + load.expert_bytes * load.expert_share) / chip.bandwidth / 8
    return unpacking + 2 * active / rate


def tpot_width(case: Case, users: float, c: SingleStream) -> float:
    """Half the width of the interval of TPOT, in logarithms."""
    return _width(case, users, c.decode_spread, _CROWD_SD)


def ttft_width(case: Case, users: float, c: SingleStream) -> float:
    """Half the width of the interval of TTFT, in logarithms."""
    return _width(case, users, c.prefill_spread, _TTFT_CROWD_SD)


def _width(case: Case, users: float, spread: dict[str, float], crowd: float) -> float:
    experts = bool(case.load.expert_weights)
    own = half_width(spread, silicon(case.device).group, experts=experts, setting=case.setting)
    further = crowd * math.log2(max(users, 1.0))
    return math.hypot(own, further, _OFFLOAD_WIDTH if case.offloads else 0.0)


def _interval(value: float, width: float) -> Interval:
    return Interval(value, value * math.exp(-width), value * math.exp(width), LEVEL)


def _notes(case: Case, users: float) -> list[str]:
    notes = []
    if users > 1:
        notes.append("What several users at once cost llama.cpp is assumed, not measured.")
    if case.devices > 1:
        notes.append("llama.cpp's devices hold consecutive layers and take turns.")
    if case.offloads and case.host_bandwidth is None:
        notes.append("The host's memory bandwidth is not known; 89.6 GB/s are assumed.")
    if silicon(case.device).matrix_rate is None:
        notes.append(f"The rate of {case.device.name} is not known: no time to first token.")
    return notes
