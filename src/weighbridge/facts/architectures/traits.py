"""What no key of a config.json tells: decisions that the class of a model type hard-codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Setting = bool | str
"""Always, never, or by the key of that name."""


@dataclass(frozen=True, slots=True)
class Traits:
    """One row of the table of families; the defaults describe Llama.

    Attributes:
        known: whether these are facts about a class, not guesses from keys.
        norm: weights per channel of a norm: rms has one, layer two (a bias), none has none.
        norm_key: where that is not "" and the key is false, norms have no weights.
        norm_bias: where that is not "" and the key is false, layer norms have no bias.
        norms: norms per layer over the residual stream.
        sparse_norms: further norms of a layer with experts.
        first_norms: norms of the first layer, where it has others than the rest.
        norms_key: a key that, where true, adds ``norms_if`` norms per layer.
        norms_if: how many.
        alternating: whether a layer has either a mixer or an MLP (Nemotron-H).
        sub_norms: whether norms precede the output projections of attention and MLP (BitNet).
        mlp_norms: of a layer without a mixer or without an MLP (Nemotron-H): norms of such a layer.
        final_norm: whether a norm precedes the head.
        embedding_norm: whether a norm follows the embedding.
        embedding_width: a key of the width of the embedding where it is not that of the layers.
        embedding_rows: rows of the embedding beyond the vocabulary (Llama 3.2 Vision).
        positions: learned positions: "" for none, else the key of their number.
        positions_offset: rows that the table of positions has in addition.
        head_bias: whether the output head has a bias.
        mixer: reader of layers that attend: ``softmax``, ``latent``, ``compressed``.
        only: the kind of every layer, where the family has one kind: ``mamba``, ``parallel``.
        linear: reader of ``linear_attention`` layers: ``delta``, ``kda``, ``lightning``.
        ssm: reader of ``mamba`` layers: ``mamba1`` or ``mamba2``.
        ssm_bias: the key of the bias of state-space projections; "" for any of the usual ones.
        shared_blocks: whether ``hybrid`` layers share attention blocks (Zamba).
        ssm_norm: whether a state-space mixer has norms inside.
        kda_full_rank: whether the gates of KDA are full projections instead of low-rank ones.
        qkv_bias: bias of the query, key and value projections.
        o_bias: bias of the output projection.
        qk_norm: norms of queries and keys: of one ``head`` (shared by all), ``flat`` over all
            heads, ``heads`` (own weights per head).
        qk_norm_key: where that is not "", they exist only where this key is true.
        qk_norm_bias: whether these norms have biases.
        dynamic_taps: whether convolutions of full layers depend on the token (Inkling 2).
        looped: whether a token passes the stacks of layers several times (HRM-Text).
        hyper_outputs: of hyper-connections, per stream; 0 for as many as streams and two more.
        gate: an output gate: ``query`` doubles the query projection, ``full`` has a projection as
            wide as the heads, ``heads`` one number per head.
        gate_key: where that is not "", the gate exists only where this key is true.
        gate_else: the gate where that key is false.
        sinks: one learned sink per head: on ``all`` layers, on ``sliding`` ones, or "".
        gated: whether the MLP has a gate beside its up projection.
        mlp_bias: bias of the MLP's projections.
        mlp_width: the width in multiples of hidden where the file states none.
        mlp_scalars: further weights of the activation.
        router_bias: weights per expert in the router beside its matrix.
        plain_router: whether the router is a matrix.
        router_scale: weights per channel in the router beside its matrix.
        dense_beside_experts: whether layers with experts have a dense MLP too (Gemma 4).
        retrieval: whether experts are rows found by product keys (Doge).
        expert_scale: further weights of each expert.
        expert_bias: whether experts have biases.
        shared: experts that see every token, where no key says how many.
        shared_gate: whether the shared expert has a gate of its own.
        window: which layers slide where a window is stated without a pattern: ``all``, ``none``,
            ``late`` (from ``max_window_layers`` on) or ``unknown``.
        otherwise: the kind of layers where nothing says it; full attention if "", ``unlisted``
            where they are of several kinds and no class has a usual order.
        period: the last of so many layers attends to everything, the others slide.
        mtp_stored: whether checkpoints hold the multi-token prediction that they announce.
        mtp_copies: whether multi-token prediction stores its own embedding and head.
        first_full: whether the first layer attends to everything beside the last of each period.
        interval: the last of so many layers attends, the others are linear, where no key says.
        dense_first: dense layers before those with experts, where no key places them.
        ties: whether the class can tie head and embedding at all.
        tied: whether the head reuses the embedding where no file or class says so.
    """

    known: bool = True
    norm: Literal["rms", "layer", "none"] = "rms"
    norm_key: str = ""
    norm_bias: str = ""
    norms: int = 2
    sparse_norms: int = 0
    first_norms: int = 0
    norms_key: str = ""
    norms_if: int = 0
    sub_norms: bool = False
    alternating: bool = False
    mlp_norms: int = 1
    final_norm: Setting = True
    embedding_norm: bool = False
    embedding_width: str = ""
    embedding_rows: int = 0
    positions: str = ""
    positions_offset: int = 0
    head_bias: Setting = False
    mixer: str = "softmax"
    only: str = ""
    linear: str = "delta"
    ssm: str = "mamba2"
    ssm_norm: Setting = True
    ssm_bias: str = ""
    shared_blocks: bool = False
    kda_full_rank: bool = False
    qkv_bias: Setting = "attention_bias"
    o_bias: Setting = "attention_bias"
    qk_norm: Literal["", "head", "flat", "heads"] = ""
    qk_norm_key: str = ""
    qk_norm_bias: bool = False
    dynamic_taps: bool = False
    looped: bool = False
    hyper_outputs: int = 0
    gate: Literal["", "query", "full", "heads"] = ""
    gate_key: str = ""
    gate_else: Literal["", "full"] = ""
    sinks: Literal["", "all", "sliding"] = ""
    gated: bool = True
    mlp_bias: Setting = "mlp_bias"
    mlp_width: int = 0
    mlp_scalars: int = 0
    router_bias: int = 0
    plain_router: bool = True
    router_scale: int = 0
    dense_beside_experts: bool = False
    expert_bias: bool = False
    expert_scale: int = 0
    retrieval: bool = False
    shared: int = 0
    shared_gate: bool = False
    window: Literal["all", "late", "none", "unknown"] = "none"
    otherwise: str = ""
    period: int = 0
    first_full: bool = False
    interval: int = 0
    dense_first: int = 0
    ties: bool = True
    tied: bool = False
    mtp_stored: bool = True
    mtp_copies: bool = False
