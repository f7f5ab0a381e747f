"""A small Llama in torch, with the tensor names and the arithmetic of ``LlamaForCausalLM``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

ROPE_THETA: Final = 10_000.0
NORM_EPSILON: Final = 1e-5
CONTEXT_TOKENS: Final = 512


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes that make one Llama differ from another; input and output embedding are one."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads


class Attention(nn.Module):
    """Causal self-attention whose key and value heads serve groups of query heads."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.head_size = shape.head_size
        kv_width = shape.kv_heads * shape.head_size
        self.q_proj = nn.Linear(shape.hidden, shape.hidden, bias=False)
        self.k_proj = nn.Linear(shape.hidden, kv_width, bias=False)
        self.v_proj = nn.Linear(shape.hidden, kv_width, bias=False)
        self.o_proj = nn.Linear(shape.hidden, shape.hidden, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Attend over ``x``, batch by tokens by hidden."""
        q, k, v = (
            projected.unflatten(-1, (-1, self.head_size)).transpose(1, 2)
            for projected in (self.q_proj(x), self.k_proj(x), self.v_proj(x))
        )
        attended = attend(rotate(q, cos, sin), rotate(k, cos, sin), v)
        mixed: Tensor = self.o_proj(attended.transpose(1, 2).flatten(2))
        return mixed


class FeedForward(nn.Module):
    """The gated linear unit of Llama."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.feed_forward, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.feed_forward, bias=False)
        self.down_proj = nn.Linear(shape.feed_forward, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform each token of ``x`` on its own."""
        transformed: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return transformed


class Block(nn.Module):
    """Attention, then feed-forward, each on a normalised copy and added back."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden, eps=NORM_EPSILON)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden, eps=NORM_EPSILON)
        self.mlp = FeedForward(shape)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """One layer of the residual stream."""
        attended: Tensor = x + self.self_attn(self.input_layernorm(x), cos, sin)
        refined: Tensor = attended + self.mlp(self.post_attention_layernorm(attended))
        return refined


class Llama(nn.Module):
    """The whole model: token ids in, one row of logits per token out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.hidden, eps=NORM_EPSILON)
        initialise(self)

    def forward(self, ids: Tensor) -> Tensor:
        """The logits after every token of ``ids``, batch by tokens."""
        cos, sin = rotary_table(ids.shape[1], self.shape.head_size)
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return functional.linear(self.norm(x), self.embed_tokens.weight)

    def parameter_count(self) -> int:
        """How many numbers were trained."""
        return sum(parameter.numel() for parameter in self.parameters())


def initialise(model: Llama) -> None:
    """Small normal weights; what writes into the residual stream starts smaller with depth."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            writes_residual = name.endswith(("o_proj.weight", "down_proj.weight"))
            spread = 0.02 / (2 * model.shape.layers) ** 0.5 if writes_residual else 0.02
            nn.init.normal_(parameter, std=spread)


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention; on short sequences several times faster than torch's fused kernel."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
    scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
    future = torch.full(scores.shape[-2:], float("-inf")).triu(1)
    attended: Tensor = (scores + future).softmax(-1).to(v.dtype) @ v
    return attended


def rotary_table(tokens: int, head_size: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every position's rotation, tokens by head size."""
    frequency = ROPE_THETA ** (-torch.arange(0, head_size, 2) / head_size)
    angle = torch.outer(torch.arange(tokens), frequency).repeat(1, 2)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate pairs half a head apart, the pairing that Hugging Face checkpoints use."""
    first, second = x.chunk(2, dim=-1)
    rotated = x * cos + torch.cat((-second, first), dim=-1) * sin
    return rotated.to(x.dtype)


def load(hf_folder: Path) -> Llama:
    """The model in a Hugging Face folder, in 32-bit floats."""
    config = json.loads((hf_folder / "config.json").read_text(encoding="utf-8"))
    shape = Shape(
        vocabulary=config["vocab_size"],
        hidden=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        feed_forward=config["intermediate_size"],
    )
    model = Llama(shape)
    tensors = load_file(hf_folder / "model.safetensors")
    model.load_state_dict(
        {name.removeprefix("model."): tensor.float() for name, tensor in tensors.items()}
    )
    return model
