"""Models of our catalogue on a device, ready to be timed and simulated."""

from __future__ import annotations

from functools import lru_cache

from weighbridge.core.estimate import Engine, EngineName, MemoryUse, Parallelism, Settings
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.devices.catalogue import find
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.serving.coefficients import fitted
from weighbridge.predict.serving.scenes import Scene
from weighbridge.predict.simulation.load import Replica, replica
from weighbridge.predict.table import Model, memory, model


@lru_cache
def named(name: str, quantization: str = "bf16") -> Model:
    """A model in a number format."""
    architecture = load().find(name).architecture()
    return model(name, architecture, what_if(quantization, architecture))


@lru_cache
def scene(
    name: str, device: str = "H100 SXM", engine: EngineName = "vllm", copies: int = 1
) -> Scene:
    """A model on devices."""
    spread = Parallelism(attention_data=copies, expert=copies)
    return Scene(named(name).work, find(device).device, Engine(engine), spread, 1, 1, 1)


def use(name: str, settings: Settings, device: str = "H100 SXM") -> MemoryUse:
    """What it takes there."""
    return memory(named(name), settings, find(device).device)


@lru_cache
def serving(
    name: str,
    device: str = "H100 SXM",
    engine: EngineName = "vllm",
    context: int = 8192,
    copies: int = 1,
) -> Replica:
    """It, ready to be simulated."""
    spread = Parallelism(attention_data=copies, expert=copies)
    settings = Settings(Engine(engine), context, parallelism=spread)
    one = scene(name, device, engine, copies)
    return replica(one, settings, use(name, settings, device), fitted().coefficients)
