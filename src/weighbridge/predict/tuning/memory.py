"""Memory of one training step: what lies on the fullest device at each moment, and the worst.

Weights, gradients and optimizer states are counted by their bytes; activations by the tensors that
automatic differentiation keeps (Korthikanti et al., "Reducing Activation Recomputation in Large
Transformer Models", 2022, counts them the same way). Gradients grow during the backward pass while
activations shrink, so the peak is the largest of four moments and not the sum of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Interval
from weighbridge.core.tuning import MemoryPart, Moment, TuningMemory, TuningRun
from weighbridge.core.units import GIB, format_count
from weighbridge.predict.tuning.coefficients import Coefficients, coefficients
from weighbridge.predict.tuning.shapes import Shape

LEVEL: Final = 0.8
# NF4 with block size 64 and double quantization: 4 + 8/64 + 32/(64 × 256) bits (Dettmers et al.,
# "QLoRA", 2023, section 3).
NF4_BYTES: Final = (4 + 8 / 64 + 32 / (64 * 256)) / 8
_HALF: Final = 2.0
_FLOAT: Final = 4.0
# Adapters: weights and gradients in 16 bits, Adam's two states in float32.
_ADAPTER_STATES: Final = {"adamw": 8.0, "adamw-8bit": 2.0, "paged-8bit": 0.0}
# An 8-bit optimizer unpacks one matrix at a time: its weights and both states in float32.
_UNPACKED: Final = 3
# CUDA's context and the libraries' workspaces, outside of PyTorch's own count: assumed.
CONTEXT: Final = Interval(0.8 * GIB, 0.6 * GIB, 1.0 * GIB, LEVEL)
_LONGER: Final = "; and batches with an example as long as a sequence may be"
_RESERVE: Final = "what the allocator and other software hold beyond, in published runs"
# The gathered layer in use and the next, which FSDP fetches ahead.
_GATHERED: Final = 2


@dataclass(frozen=True, slots=True)
class _Bytes:
    """Bytes of everything that may be in use, before the moments are told apart."""

    weights: float
    adapters: float
    states: float
    gradients: float
    kept: float
    one_layer: float
    logits: float
    head_gradient: float
    embedding_gradient: float
    layer_gradient: float
    dequantized: float
    gathered: float
    outer: float
    unpacked: float
    trained: float


def tuning_memory(shape: Shape, run: TuningRun, known: Coefficients | None = None) -> TuningMemory:
    """Where the memory of the fullest device goes at the fullest moment.

    Where each example has a sequence of its own, the value is that of usual examples, and the high
    end that of one as long as a sequence may be.

    Raises:
        InputError: the run contradicts itself.
    """
    check(run)
    fit = known or coefficients()
    sizes = _sizes(shape, run, fit)
    moments = dict(_moments(sizes, run))
    moment = max(moments, key=lambda name: sum(moments[name].values()))
    worst = {name: size for name, size in moments[moment].items() if size > 0}
    parts = [
        MemoryPart(
            name, _spread(size, fit.spread, fixed=name == "weights"), _formula(name, shape, run)
        )
        for name, size in worst.items()
    ]
    value = sum(part.bytes.value for part in parts)
    active = Interval(value, value * (1 - fit.spread), value * (1 + fit.spread), LEVEL)
    low, high = (value * share for share in fit.reserve)
    total = Interval(value + CONTEXT.value, low + CONTEXT.low, high + CONTEXT.high, LEVEL)
    high, longest = _longest(shape, run, fit, high, active)
    active = replace(active, high=longest)
    total = replace(total, high=high + CONTEXT.high)
    beside = (
        MemoryPart("allocator's reserve", Interval(0.0, 0.0, high - value, LEVEL), _beyond(run)),
        MemoryPart("CUDA context", CONTEXT, "assumed: 0.6 to 1 GiB outside of PyTorch"),
    )
    untouched = () if run.method == "full" else _untouched(shape, run)
    return TuningMemory(moment, (*parts, *beside), active, total, round(sizes.trained), untouched)


def _beyond(run: TuningRun) -> str:
    return _RESERVE + (_LONGER if run.length < run.sequence else "")


def _longest(
    shape: Shape, run: TuningRun, fit: Coefficients, high: float, active: Interval
) -> tuple[float, float]:
    """High ends of the total without context, and of what is active, over all batches."""
    if run.length == run.sequence:
        return high, active.high
    whole = tuning_memory(shape, replace(run, padded=None), fit)
    return max(high, whole.total.high - CONTEXT.high), max(active.high, whole.active.high)


def check(run: TuningRun) -> None:
    """Refuse a run that cannot be.

    Raises:
        InputError: says what contradicts what.
    """
    if run.method != "full" and run.optimizer_in_backward:
        raise InputError(
            "The optimizer runs in the backward pass of full fine-tuning only.",
            fix="Leave --optimizer-in-backward out: adapters have hardly any gradients to save.",
        )
    if run.method != "full" and run.precision != "mixed":
        raise InputError(
            f"Precision {run.precision} is a choice of full fine-tuning: adapters have 16-bit "
            "weights and gradients, and states in float32.",
            fix="Leave --precision out, or choose --method full.",
        )
    if run.weights_offload and run.devices == 1:
        raise InputError(
            "Weights are kept in the host's memory by FSDP, which needs several devices here.",
            fix="Add --count 2 or more, or choose qlora.",
        )
    if run.optimizer == "paged-8bit" and run.devices > 1:
        raise InputError(
            "Paged optimizer states are those of a single device (bitsandbytes).",
            fix="Choose --optimizer adamw or adamw-8bit with several devices.",
        )
    if run.activation_offload and not run.checkpointing:
        raise InputError(
            "Activations are offloaded at the checkpoints of layers, and there are none.",
            fix="Leave --no-checkpointing out.",
        )


def _sizes(shape: Shape, run: TuningRun, fit: Coefficients) -> _Bytes:
    full = run.method == "full"
    wide = _FLOAT if full and run.precision == "mixed" else _HALF
    share = 0.0 if run.weights_offload else 1.0 / run.devices
    frozen = shape.linear * _linear_bytes(run) + shape.kept * wide
    adapters = trained_weights(shape, run) if not full else 0.0
    trained = float(shape.trainable) if full else adapters
    layer = _layer_bytes(shape, run)
    sharded = run.devices > 1
    outer = (shape.head + (0 if shape.tied else shape.embedding)) * _HALF
    return _Bytes(
        weights=frozen * share + shape.towers * _HALF * share,
        adapters=adapters * 2 * _HALF * share,
        states=trained * _state_bytes(run) * share,
        gradients=trained * wide * share if full else 0.0,
        kept=_kept(shape, run, fit),
        one_layer=fit.kept * max(shape.widths) * _HALF * run.tokens if run.checkpointing else 0.0,
        logits=_logits(shape, run, fit),
        head_gradient=shape.head * wide if full else 0.0,
        embedding_gradient=shape.embedding * wide if full else 0.0,
        layer_gradient=shape.layer * wide if full else 0.0,
        dequantized=shape.matrix_in_layers * _HALF if run.method == "qlora" else 0.0,
        gathered=layer * _GATHERED if sharded else 0.0,
        outer=outer if sharded else 0.0,
        unpacked=_unpacked(shape, run),
        trained=trained,
    )


def _moments(it: _Bytes, run: TuningRun) -> Iterator[tuple[Moment, dict[str, float]]]:
    """What is in use at each moment that may be the fullest."""
    at_once = run.optimizer_in_backward
    always = {
        "weights": it.weights,
        "gathered layers": it.gathered + it.outer,
        "adapters": it.adapters,
        "optimizer states": it.states,
    }
    checkpoints = "checkpoints" if run.checkpointing else "activations"
    share = 1.0 / run.devices if run.devices > 1 else 1.0
    head = it.head_gradient * share
    yield (
        "loss",
        always | {"gradients": head, checkpoints: it.kept, "logits": it.logits},
    )
    yield (
        "first backward layer",
        always
        | {
            "gradients": (0.0 if at_once else head) + it.layer_gradient,
            checkpoints: it.kept,
            "recomputed layer": it.one_layer,
            "dequantization buffer": it.dequantized,
        },
    )
    last = it.layer_gradient if at_once else it.gradients
    yield (
        "last backward layer",
        always
        | {
            "gradients": max(last, it.layer_gradient) + it.embedding_gradient * share,
            "recomputed layer": it.one_layer,
            "dequantization buffer": it.dequantized,
        },
    )
    stepping = it.embedding_gradient if at_once else it.gradients
    yield (
        "optimizer step",
        always | {"gradients": stepping, "optimizer's float32 copy": it.unpacked},
    )


def trained_weights(shape: Shape, run: TuningRun) -> float:
    """Number of weights that the run trains: r × (inputs + outputs) of each adapted matrix."""
    if run.method == "full":
        return float(shape.trainable)
    beside = shape.expert_adapters if run.expert_adapters else 0.0
    return run.rank * (shape.adapters + beside)


def _linear_bytes(run: TuningRun) -> float:
    if run.method == "qlora":
        return NF4_BYTES
    return _FLOAT if run.method == "full" and run.precision == "mixed" else _HALF


def _layer_bytes(shape: Shape, run: TuningRun) -> float:
    """One layer as it is gathered: in the format in which its weights are kept, or 16 bits."""
    return shape.layer * (NF4_BYTES if run.method == "qlora" else _HALF)


def _state_bytes(run: TuningRun) -> float:
    """Bytes of Adam's two states per trained weight."""
    if run.method == "full" and run.precision == "bf16" and run.optimizer == "adamw":
        return 2 * _HALF
    return _ADAPTER_STATES[run.optimizer]


def _kept(shape: Shape, run: TuningRun, fit: Coefficients) -> float:
    """What waits for the backward pass: each layer's input, or all that its backward needs."""
    if run.activation_offload:
        return 0.0
    if run.checkpointing:
        return run.tokens * shape.hidden * shape.depth * _HALF
    numbers = sum(shape.widths) + (0.0 if run.compiled else sum(shape.elementwise))
    return fit.kept * run.tokens * numbers * _HALF


def _logits(shape: Shape, run: TuningRun, fit: Coefficients) -> float:
    each = {"full": fit.full_logit_bytes, "chunked": fit.chunked_logit_bytes, "fused": 0.0}
    return run.tokens * shape.vocabulary * each[run.loss]


def _unpacked(shape: Shape, run: TuningRun) -> float:
    if run.method != "full" or run.optimizer != "adamw-8bit":
        return 0.0
    return _UNPACKED * _FLOAT * shape.matrix / run.devices


def _spread(size: float, share: float, *, fixed: bool) -> Interval:
    share = 0.02 if fixed else share
    return Interval(size, size * (1 - share), size * (1 + share), LEVEL)


def _untouched(shape: Shape, run: TuningRun) -> tuple[str, ...]:
    experts = ("routed experts",) if shape.expert_adapters and not run.expert_adapters else ()
    towers = ("vision and audio towers",) if shape.towers else ()
    return (*shape.untouched, *experts, *towers)


def _formula(name: str, shape: Shape, run: TuningRun) -> str:
    """How a part was computed, with its numbers put in."""
    tokens = f"{run.length:,} × {run.batch} tokens"
    among = f", divided among {run.devices} devices" if run.devices > 1 else ""
    wide = 4 if run.method == "full" and run.precision == "mixed" else 2
    trained = format_count(trained_weights(shape, run))
    linear = format_count(shape.linear)
    weights = (
        f"{linear} × {NF4_BYTES:.3f} bytes (NF4) + {format_count(shape.kept)} × 2 bytes"
        if run.method == "qlora"
        else f"{format_count(shape.trainable)} × {wide} bytes"
    )
    return {
        "weights": weights + among,
        "gathered layers": "2 layers, the embedding and the head, undivided",
        "adapters": f"{trained} × 4 bytes: weights and gradients in 16 bits{among}",
        "optimizer states": f"{trained} × {_state_bytes(run):g} bytes{among}",
        "gradients": f"{wide} bytes for each weight whose gradient waits",
        "checkpoints": f"{tokens} × hidden {shape.hidden:,} × {shape.depth} layers × 2 bytes",
        "activations": f"{tokens} × {sum(shape.widths):,.0f} numbers kept × 2 bytes",
        "recomputed layer": f"{tokens} × {max(shape.widths):,.0f} numbers kept × 2 bytes",
        "logits": f"{tokens} × vocabulary {shape.vocabulary:,}, loss {run.loss}",
        "dequantization buffer": "the largest matrix of a layer in 16 bits",
        "optimizer's float32 copy": "the largest matrix and both its states in float32",
    }[name]
