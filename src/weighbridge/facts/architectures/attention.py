"""Softmax attention over keys and values of heads: MHA, GQA, MQA; full, sliding, chunked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import Term, bias, kept, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Setting, Traits

WINDOWED: Final = frozenset({"sliding_attention", "chunked_attention"})


# Classes whose projections or norms are as wide as the hidden size, whatever its heads add up to.
_EVEN: Final = frozenset({"bitnet", "ctrl", "gpt_neox_japanese", "mpt", "olmoe"})


@dataclass(frozen=True, slots=True)
class Heads:
    """How many heads of what width."""

    count: int
    kv: int
    key: int
    value: int


def setting(keys: Keys, choice: Setting) -> bool:
    """Whether a trait holds for this model."""
    return keys.flag(choice) if isinstance(choice, str) else choice


def heads_of(keys: Keys, plan: Plan) -> Heads:
    """The heads of one layer; sliding layers may have their own (``swa_*``)."""
    own = "swa_" if plan.mixer == "sliding_attention" else ""
    count = (
        plan.heads or keys.maybe(f"{own}num_attention_heads") or keys.size("num_attention_heads")
    )
    kv = plan.kv_heads or keys.maybe(f"{own}num_key_value_heads", "num_key_value_heads") or count
    if kv > count and "num_key_value_heads" in keys.defaulted:
        _say_unusable(keys, kv, count)
        kv = count
    if not own:
        check_groups(keys, count, kv)
    key = keys.maybe(f"{own}head_dim", "head_dim") or even_share(keys, count)
    value = keys.maybe(f"{own}v_head_dim", "v_head_dim") or key
    return Heads(count, kv, key, value)


def even_share(keys: Keys, heads: int) -> int:
    """The width of a head where no key states it.

    Raises:
        FormatError: the class needs an even share, and there is none.
    """
    hidden = keys.size("hidden_size")
    if hidden % heads and keys.model_type in _EVEN:
        expected = f"a multiple of num_attention_heads, which is {heads}, or state head_dim"
        raise keys.wrong("hidden_size", hidden, expected)
    return hidden // heads


def _say_unusable(keys: Keys, default: int, used: int) -> None:
    """Where the class's number of key-value heads does not fit, every query head has its own."""
    keys.defaulted.pop("num_key_value_heads")
    keys.assume(
        f"The configuration does not state num_key_value_heads; the default of {keys.model_type},"
        f" {default}, does not fit its {used} query heads: counted as {used}, one per query head."
    )


def check_groups(keys: Keys, heads: int, kv_heads: int) -> None:
    """Refuse key-value heads that do not divide the query heads among them.

    Raises:
        FormatError: naming both numbers.
    """
    if kv_heads > heads or heads % kv_heads:
        expected = f"a divisor of num_attention_heads, which is {heads}"
        raise keys.wrong("num_key_value_heads", kv_heads, expected)


def softmax(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """The mixer and weights of one attention layer."""
    heads = heads_of(keys, plan)
    return mixer_of(keys, heads, plan), attention_parts(keys, traits, plan, heads)


def indexed(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """Attention to blocks that an indexer picks (MiniMax-M3): one more key per token."""
    heads = heads_of(keys, plan)
    nested = keys.under("sparse_attention_config") or keys
    size = nested.maybe("sparse_index_dim", "index_head_dim") or keys.size("index_head_dim")
    count = nested.maybe("sparse_num_index_heads", "index_n_heads") or keys.size("index_n_heads")
    hidden, dim = ("hidden", keys.size("hidden_size")), ("dim", size)
    indexer = part(
        "indexer", "indexer", (hidden, ("heads", count), dim), (hidden, dim), (("", 2), dim)
    )
    mixer = mixer_of(keys, heads, plan)
    per_token = heads.kv * (heads.key + heads.value) + size
    numbers = (*mixer.numbers, ("index_dim", size))
    mixer = Mixer("full", f"sparse {mixer.name}", numbers, Cache(per_token=per_token))
    return mixer, (*attention_parts(keys, traits, plan, heads), indexer)


def mixer_of(keys: Keys, heads: Heads, plan: Plan) -> Mixer:
    """What it is called and what it keeps of a sequence: keys and values of each token."""
    name = "MHA" if heads.kv == heads.count else "MQA" if heads.kv == 1 else "GQA"
    values = heads.kv * (heads.key + heads.value)
    numbers = [("heads", heads.count), ("kv_heads", heads.kv), ("key_dim", heads.key)]
    numbers.append(("value_dim", heads.value))
    window = window_of(keys, plan)
    if window is None:
        return Mixer("full", name, tuple(numbers), Cache(per_token=values))
    numbers.append(("window", window))
    kind = "chunked" if plan.mixer == "chunked_attention" else "sliding"
    return Mixer(kind, name, tuple(numbers), Cache(windows=((values, window),)))  # type: ignore[arg-type]


def window_of(keys: Keys, plan: Plan) -> int | None:
    """How many tokens one layer keeps; None without a limit."""
    if plan.mixer == "sliding_attention":
        return keys.maybe("sliding_window", "sliding_window_size", "window_size")
    if plan.mixer == "chunked_attention":
        return keys.maybe("attention_chunk_size")
    return None


def attention_parts(keys: Keys, traits: Traits, plan: Plan, heads: Heads) -> tuple[Part, ...]:
    """The weights of one attention layer."""
    hidden = ("hidden", keys.size("hidden_size"))
    qkv_bias = setting(keys, traits.qkv_bias)
    count, kv = ("heads", heads.count), ("kv_heads", heads.kv)
    key, value = ("head_dim", heads.key), ("head_dim", heads.value)
    doubled: Term = (("", 2),) if gate_of(keys, traits) == "query" else ()
    query = (*doubled, count, key)
    return kept(
        part("attention", "query", (hidden, *query), _bias(qkv_bias, *query)),
        part("attention", "key", (hidden, kv, key), _bias(qkv_bias, kv, key)),
        part("attention", "value", (hidden, kv, value), _bias(qkv_bias, kv, value)),
        part(
            "attention",
            "output",
            (count, value, hidden),
            bias(hidden[1], setting(keys, traits.o_bias)),
        ),
        gate_part(keys, traits, heads),
        sinks_part(traits, plan, heads),
        qk_norm_part(keys, traits, heads),
    )


def gate_of(keys: Keys, traits: Traits) -> str:
    """Which output gate the layer has, or ""."""
    if traits.gate_key and keys.value(traits.gate_key) not in (True, "per-head"):
        return traits.gate_else
    return traits.gate


def gate_part(keys: Keys, traits: Traits, heads: Heads) -> Part:
    """The projection of an output gate."""
    hidden = ("hidden", keys.size("hidden_size"))
    gate = gate_of(keys, traits)
    if gate == "full":
        return part(
            "attention", "output gate", (hidden, ("heads", heads.count), ("head_dim", heads.value))
        )
    if gate == "heads":
        return part("attention", "output gate", (hidden, ("heads", heads.count)))
    return part("attention", "output gate")


def sinks_part(traits: Traits, plan: Plan, heads: Heads) -> Part:
    """One learned sink per head."""
    present = traits.sinks == "all" or (
        traits.sinks == "sliding" and plan.mixer == "sliding_attention"
    )
    return part("attention", "sinks", (("heads", heads.count if present else 0),))


def qk_norm_part(keys: Keys, traits: Traits, heads: Heads) -> Part:
    """The norms of queries and keys."""
    key, count, kv = ("head_dim", heads.key), ("heads", heads.count), ("kv_heads", heads.kv)
    absent = traits.qk_norm_key and not keys.flag(traits.qk_norm_key)
    if not traits.qk_norm or absent:
        return part("norm", "query and key norm")
    if traits.qk_norm == "head":
        biased = 2 if traits.qk_norm_bias else 1
        return part("norm", "query and key norm", (("", 2 * biased), key))
    return part("norm", "query and key norm", (count, key), (kv, key))


def _bias(present: bool, *factors: tuple[str, int]) -> Term:
    return factors if present else (("bias", 0),)
