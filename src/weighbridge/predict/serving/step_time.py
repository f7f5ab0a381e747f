"""Seconds of one decoding step, and of reading one prompt.

The roofline of Pope et al. 2022 (arXiv:2211.05102, section 2) by group of weights: reading them and
multiplying with them take turns more than they overlap at serving batches, so both are added. To it
come what a roofline leaves out and what rules small batches: each kernel of each layer takes a few
microseconds whatever its size, and tensor parallelism joins two results per layer. The shares of
paper figures are fitted (:mod:`weighbridge.predict.serving.coefficients`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from weighbridge.predict.serving.coefficients import ServingCoefficients
from weighbridge.predict.serving.scenes import Array, Scenes

# Kernels that no measurement tells apart yet: counted in the source of vLLM 0.19.
_KERNELS_RECURRENT: Final = 12.0
_KERNELS_SPARSE: Final = 6.0
_KERNELS_OUTSIDE: Final = 5.0
# Products of one layer whose inputs are brought into a short format by a kernel of their own.
_QUANTIZED_PRODUCTS: Final = 2.0
_QUANTIZED_PRODUCTS_LATENT: Final = 3.0
# hidden sizes are measured against this one, in the middle of the models fitted.
_HIDDEN: Final = 5120.0
# Spread over whole experts the busiest device has more to do than the mean one: so much, as long as
# a batch touches few of them.
_IMBALANCE: Final = 0.5
# All-reduce in one shot reads every device's message; from several devices on, in two.
_TWO_SHOT: Final = 5.0
# Share of a link's bandwidth that long messages reach in a ring (NCCL's own tests on NVLink).
_RING_SHARE: Final = 0.7


def kernels(s: Scenes, c: ServingCoefficients) -> Array:
    """Kernels that one step launches."""
    attention = (
        s.softmax * c.kernels_softmax
        + s.normed
        + s.latent * c.kernels_latent
        + s.sparse * _KERNELS_SPARSE
        + s.recurrent * _KERNELS_RECURRENT
    )
    quantize = s.attention_quantized * (
        _QUANTIZED_PRODUCTS * s.softmax + _QUANTIZED_PRODUCTS_LATENT * s.latent
    )
    quantize = quantize + _QUANTIZED_PRODUCTS * (
        s.dense_quantized * s.dense_layers + s.experts_quantized * s.routed
    )
    feed_forward = (
        s.dense_layers * c.kernels_dense + s.routed * c.kernels_routed + s.shared * c.kernels_shared
    )
    return attention + feed_forward + quantize * c.kernels_quantize + _KERNELS_OUTSIDE


def decode_step_s(s: Scenes, c: ServingCoefficients, running: Array, context: Array) -> Array:
    """Seconds of a step in which ``running`` sequences of ``context`` tokens get one token each."""
    return (
        _reading_s(s, c, running, context)
        + _computing_s(s, c, running)
        + _launching_s(s, c)
        + _exchanging_s(s, c, running)
        + c.step_s
        + by_engine(c.request_s, s) * running / s.attention_data
    )


def experts_touched(s: Scenes, c: ServingCoefficients, running: Array) -> Array:
    """Share of the experts that at least one of ``running`` tokens is routed to.

    Independent uniform choices would touch 1 - (1 - k/E)^tokens of them; routers have favourites.
    """
    choices = 1 + (running - 1) * min(c.expert_spread, 1.0)
    return np.where(s.expert_count > 0, 1 - (1 - s.active_share) ** choices, 0.0)


def prefill_s(s: Scenes, c: ServingCoefficients, tokens: Array) -> Array:
    """Seconds that ``tokens`` of a prompt keep all devices busy, launches aside."""
    products = (
        2 * tokens * s.attention / (s.attention_rate * _share(s.attention_fp8, s.attention_fp4, c))
        + 2 * tokens * s.dense / (s.dense_rate * _share(s.dense_fp8, s.dense_fp4, c))
        + 2
        * tokens
        * s.experts
        * s.active_share
        / (s.experts_rate * _share(s.experts_fp8, s.experts_fp4, c) * c.compute_experts)
    )
    # A causal mask leaves half of tokens × tokens; scores and sums are two operations per number.
    pairs = tokens**2 * s.score + 2 * tokens * np.minimum(tokens / 2, s.kv_limit) * s.score_limited
    products = products + pairs / (s.rate_16 * c.compute_bf16)
    # Long messages are joined in a ring: each device sends them twice, but for its own part.
    ring = 2 * (s.devices - 1) / s.devices * tokens * s.hidden * 2 / (s.link * _RING_SHARE)
    seconds: Array = products / s.devices + np.where(s.devices > 1, 2 * s.depth * ring, 0.0)
    return seconds


def _reading_s(s: Scenes, c: ServingCoefficients, running: Array, context: Array) -> Array:
    touched = experts_touched(s, c, running)
    skew = 1 + np.where(s.expert_groups > 1, _IMBALANCE * (1 - touched), 0.0)
    dense = (s.attention_bytes + s.head_bytes) / s.tensor + s.dense_bytes / s.devices
    experts = s.experts_bytes * touched / s.devices * skew
    values = s.kv_values * context + s.kv_limited * np.minimum(context, s.kv_limit)
    shards = np.minimum(s.tensor, s.kv_heads)
    cache = values * s.kv_bytes / shards + 2 * s.state_bytes / s.tensor
    cache = cache * running / s.attention_data
    rate = s.bandwidth
    attending = np.maximum(cache / (rate * c.read_cache), _scoring_s(s, c, running, context))
    read = dense / (rate * c.read_weights) + experts / (rate * c.read_experts)
    seconds: Array = read + attending
    return seconds


def _scoring_s(s: Scenes, c: ServingCoefficients, running: Array, context: Array) -> Array:
    """Seconds of attention's own products; they hide behind reading the cache, or it does."""
    pairs = s.decode_score * context + s.decode_score_limited * np.minimum(context, s.kv_limit)
    operations = 2 * running / s.attention_data * pairs / s.tensor
    seconds: Array = operations / (s.rate_16 * c.compute_step)
    return seconds


def _computing_s(s: Scenes, c: ServingCoefficients, running: Array) -> Array:
    attention = 2 * running / s.attention_data * s.attention / s.tensor / s.attention_rate
    dense = 2 * running * (s.dense + s.head) / s.devices / s.dense_rate
    experts = 2 * running * s.experts * s.active_share / s.devices / s.experts_rate
    seconds: Array = (attention + dense + experts) / c.compute_step
    return seconds


def _launching_s(s: Scenes, c: ServingCoefficients) -> Array:
    each = by_engine(c.launch_s, s) * (s.hidden / _HIDDEN) ** c.launch_width
    each = each + np.where(s.attention_data > 1, c.launch_attention_data, 0.0)
    return kernels(s, c) * each * np.where(s.blackwell > 0, c.launch_blackwell, 1.0)


def _exchanging_s(s: Scenes, c: ServingCoefficients, running: Array) -> Array:
    """Two all-reduces per layer of the running tokens' hidden states."""
    message = running / s.attention_data * s.hidden * 2
    others = s.devices - 1
    sent = np.minimum(others, _TWO_SHOT * others / s.devices) * message
    start = np.where(s.pcie > 0, c.exchange_pcie_s, c.exchange_s)
    share = np.where(s.pcie > 0, c.exchange_pcie_share, c.exchange_share)
    once = start + sent / (s.link * share)
    seconds: Array = np.where(s.devices > 1, 2 * s.depth * once, 0.0)
    return seconds


def _share(fp8: Array, fp4: Array, c: ServingCoefficients) -> Array:
    """Share of the dense rate that prefill reaches, by arithmetic."""
    return c.compute_bf16 * (1 - fp8 - fp4) + c.compute_fp8 * fp8 + c.compute_fp4 * fp4


def by_engine(values: tuple[float, ...], s: Scenes) -> Array:
    """Of numbers by engine, each scene's own."""
    own: Array = np.array(values)[s.engine.astype(int)]
    return own
