"""What llama.cpp takes: what it is asked for, less the layers or experts it leaves to the host.

Facts: llama.cpp's source (src/llama-context.cpp, src/llama-kv-cache.cpp). The embedding table stays
in the host's memory; a tied one is copied to the device as the head. Buffers for computing hold one
micro-batch: its logits, or what the widest layer makes of it, or without flash attention the scores
of all heads over the whole context.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from weighbridge.core.estimate import MemoryUse, Settings, Shortage
from weighbridge.core.provenance import Interval
from weighbridge.predict.memory.cache_pools import llamacpp_cache_bytes
from weighbridge.predict.memory.coefficients import Coefficients
from weighbridge.predict.memory.footprint import SHARES, Footprint, WeightTable

_Z80: Final = 1.2816
_LEVEL: Final = 0.8
_FLOAT32: Final = 4
_EXPERTS: Final = SHARES.index("experts")
_VOCABULARY: Final = SHARES.index("vocabulary")


def llamacpp_memory(
    shape: Footprint,
    table: WeightTable,
    settings: Settings,
    device_bytes: float,
    *,
    host_bytes: float | None,
    fitted: Coefficients,
) -> MemoryUse:
    """Where the memory of the fullest device goes when layers are split among equal devices."""
    devices = settings.parallelism.devices
    layers, host = _weights(shape, table, settings)
    cache = llamacpp_cache_bytes(shape, settings)
    on_device = _layers_on_device(shape, settings) / max(shape.depth, 1)
    # Whole layers go to devices: the fullest has one more than its share where they do not divide.
    most = math.ceil(shape.depth / devices) / max(shape.depth, 1) if shape.depth else 1.0
    weights = layers * most
    kept = (cache or 0.0) * on_device * most
    host += (cache or 0.0) * (1 - on_device)
    buffers = compute_bytes(shape, settings) if on_device else 0.0
    overhead = fitted.llamacpp_overhead_bytes
    users = max(settings.users, 1)
    use = MemoryUse(
        limit_bytes=device_bytes,
        weights=_interval(weights, fitted.weights_sd * weights),
        activation=_interval(buffers, fitted.llamacpp_buffer_sd * buffers),
        overhead=_interval(overhead.value, overhead.sd),
        graphs=_interval(0.0, 0.0),
        cache=_interval(kept, 0.0),
        sequence_bytes=None if cache is None else kept / users,
        tokens=None if cache is None else _interval(float(settings.context * users), 0.0),
        concurrency=None if cache is None else _interval(float(users), 0.0),
        host_bytes=host,
        notes=() if cache is not None else ("This model's cache is not modelled.",),
    )
    return replace(use, shortage=_shortage(use, users, host_bytes))


def compute_bytes(shape: Footprint, settings: Settings) -> float:
    """Buffers that one micro-batch is computed in: those of its widest moment."""
    tokens, context = settings.micro_batch, settings.context
    routed = shape.active * (2 * shape.expert_width + shape.hidden)
    # Without flash attention the scores of all heads are kept, and their mask is in 32 bits, too.
    scores = 0 if settings.flash_attention else context * (shape.heads + 1)
    mask = 2 * tokens * context if settings.flash_attention else 0
    widest = max(3 * shape.width, routed, 3 * shape.query_width + scores)
    layer = _FLOAT32 * tokens * (widest + 2 * shape.hidden) + mask
    return max(layer, _FLOAT32 * tokens * (shape.vocabulary + shape.hidden))


def _weights(shape: Footprint, table: WeightTable, settings: Settings) -> tuple[float, float]:
    """Bytes of weights on devices and in the host's memory."""
    embedding = table.first[_VOCABULARY]
    # Towers are loaded to the device as well; a tied head is a copy of the embedding.
    head = sum(table.last) + sum(table.first) - (0.0 if shape.tied else embedding)
    layers, experts = sum(table.layers), table.layers[_EXPERTS]
    on_device = _layers_on_device(shape, settings)
    part = on_device / max(shape.depth, 1)
    kept_back = min(settings.offload.cpu_expert_layers, on_device) / max(shape.depth, 1) * experts
    device = layers * part - kept_back
    host = embedding + layers * (1 - part) + kept_back
    # The head is counted as one more layer: it goes to the device only when all others have.
    return (device + head, host) if on_device == shape.depth else (device, host + head)


def _layers_on_device(shape: Footprint, settings: Settings) -> int:
    wanted = settings.offload.gpu_layers
    return shape.depth if wanted is None else max(0, min(wanted, shape.depth))


def _shortage(use: MemoryUse, users: int, host_bytes: float | None) -> Shortage | None:
    missing, kept = -use.spare, use.cache.value
    if missing > kept:
        return Shortage(missing, "weights")
    if missing > 0:
        # The whole cache is allocated at once: too many users keep it from starting, too.
        single = missing - kept * (users - 1) / users
        return Shortage(missing, "sequence" if single > 0 else "slots")
    if host_bytes is not None and use.host_bytes > host_bytes:
        return Shortage(use.host_bytes - host_bytes, "host")
    return None


def _interval(value: float, sd: float) -> Interval:
    return Interval(value, max(0.0, value - _Z80 * sd), value + _Z80 * sd, _LEVEL)
