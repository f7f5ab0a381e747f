"""Ways to serve models of our catalogue, for tests of speed."""

from __future__ import annotations

from functools import cache

from weighbridge.core.estimate import Engine, EngineName, Parallelism
from weighbridge.core.machine import Device
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.devices.catalogue import find
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.serving.scenes import Scene
from weighbridge.predict.work import Work, work

KINDS = (
    "Qwen/Qwen3-8B",  # full attention
    "Qwen/Qwen3-30B-A3B",  # experts
    "google/gemma-4-31B-it",  # sliding layers
    "deepseek-ai/DeepSeek-R1",  # MLA
    "deepseek-ai/DeepSeek-V3.2",  # sparse attention
    "Qwen/Qwen3.5-27B",  # states of linear layers
)


@cache
def load_of(name: str, quantization: str = "bf16") -> Work:
    """What a forward pass of a model of the catalogue does."""
    architecture = load().find(name).architecture()
    found = work(architecture, what_if(quantization, architecture))
    if found is None:
        raise AssertionError(name)
    return found


@cache
def device(name: str) -> Device:
    """A device of the catalogue."""
    return find(name).device


def scene(
    name: str = "Qwen/Qwen3-8B",
    quantization: str = "bf16",
    *,
    on: str = "H100 SXM",
    engine: EngineName = "vllm",
    version: str = "0.19.0",
    tensor: int = 1,
    copies: int = 1,
    expert: int = 1,
    users: float = 8,
    prompt: float = 1024,
    output: float = 256,
    slots: float = float("inf"),
) -> Scene:
    """One scene; the defaults are an everyday one."""
    return Scene(
        work=load_of(name, quantization),
        device=device(on),
        engine=Engine(engine, version),
        parallelism=Parallelism(tensor, 1, expert, copies),
        users=users,
        prompt=prompt,
        output=output,
        slots=slots,
    )
