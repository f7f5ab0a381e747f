"""What engines, devices and models of a scenario cannot do together, or do differently."""

from __future__ import annotations

from typing import Final

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.errors import InputError
from weighbridge.core.estimate import EngineName
from weighbridge.core.machine import Device
from weighbridge.core.units import format_tokens
from weighbridge.predict.search.runs_on import engines_on, others_on, why_none
from weighbridge.predict.search.space import divides
from weighbridge.predict.table import Model, Scenario, parallelism

# Without products in fp8 where vLLM reads weights in it all the same: its documentation on FP8 W8A8
# (compute capability 7.5 and more, weights only), for Turing since pull request 29901 of 2025-12.
_FP8_BY_MARLIN: Final = frozenset({"Turing", "Ampere"})
_NO_FP8: Final = frozenset({"Pascal", "Volta"})
# Above that, public tables write the devices of all replicas of a rack into tp_size.
_ONE_HOST: Final = 8


def runs_on(engine: EngineName, device: Device) -> tuple[str, ...]:
    """What to think of an engine on a device.

    Raises:
        InputError: it does not run there.
    """
    able = engines_on(device)
    if engine in able:
        return ()
    other = next((one for one in others_on(device) if one.engine == engine), None)
    if not able and other is None:
        raise InputError(why_none(device), fix="Name another system.")
    if device.kind == "accelerator" and other is not None:
        by = f"{engine} runs on {device.name} by {other.by}"
        raise InputError(
            f"{by}, whose memory and times are not modelled.", fix="Name another system."
        )
    other_vendor = engine == "trtllm" and device.vendor != "NVIDIA"
    # llama.cpp's devices are many: where it is not known to run, it does not.
    if engine == "llama.cpp" or other_vendor or device.vendor == "Apple" or device.kind == "cpu":
        raise InputError(
            f"{engine} does not run on {device.name}.", fix=f"Choose {', '.join(able)}."
        )
    return (f"{engine} is not known to run well on {device.name}: a guess.",)


def check_split(
    engine: EngineName, scenario: Scenario, of: Model, device: Device
) -> tuple[str, ...]:
    """Refuse to deal out heads unevenly, as serving engines do; llama.cpp deals out layers.

    Of a rack it is a note.

    Raises:
        InputError: the heads of attention cannot be dealt out evenly.
    """
    if engine == "llama.cpp":
        return ()
    shape, tensor = of.footprint, parallelism(scenario, device)[0].tensor
    if divides(shape, tensor):
        return ()
    if tensor > _ONE_HOST:
        uneven = f"{tensor} devices cannot share {shape.heads} heads evenly"
        return (f"{uneven}, and may be those of several replicas: a guess",)
    able = [size for size in range(1, shape.heads + 1) if divides(shape, size)]
    near = sorted(able, key=lambda size: abs(size - tensor))[:2]
    kv = f" and {shape.kv_heads} of keys and values" if shape.kv_heads != shape.heads else ""
    raise InputError(
        f"{engine} cannot share {of.name} among {tensor} devices: its {shape.heads} heads{kv} "
        "cannot be dealt out evenly.",
        fix=f"Give a tp_size of {' or '.join(map(str, sorted(near)))}.",
    )


def short_weights(engine: EngineName, of: Model, device: Device) -> tuple[str, ...]:
    """How fp8 weights are served where the device has no fp8 products.

    Raises:
        InputError: the engine does not serve them there.
    """
    if "fp8" not in of.quantization.name.lower() or engine == "llama.cpp":
        return ()
    if device.vendor != "NVIDIA" or device.generation not in {*_FP8_BY_MARLIN, *_NO_FP8}:
        return ()
    if device.generation not in _FP8_BY_MARLIN or (
        engine == "sglang" and device.generation == "Turing"
    ):
        raise InputError(
            f"{device.name} ({device.generation}) has no fp8 products, and {engine} has no "
            "kernels there that read fp8 weights otherwise.",
            fix="State precision bf16, or a 4-bit one.",
        )
    if engine == "trtllm":
        raise InputError(
            f"TensorRT-LLM has no fp8 on {device.name}.", fix="Choose vllm, or precision bf16."
        )
    since = " (releases from 2025-12 on)" if device.generation == "Turing" else ""
    how = f"{engine} reads fp8 weights by Marlin kernels{since} and computes in 16 bits"
    return (f"{device.name} has no fp8 products: {how}",)


def too_long(scenario: Scenario, name: str, built: ModelArchitecture) -> tuple[str, ...]:
    """Whether prompt and answer are beyond what the model was made for."""
    most = built.context_extended or built.context
    if most is None or scenario.isl + scenario.osl <= most:
        return ()
    made_for = f"the {format_tokens(most)} tokens that {name} is made for"
    return (f"prompt and answer are longer than {made_for}",)
