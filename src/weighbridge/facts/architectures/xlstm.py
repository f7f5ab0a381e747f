"""mLSTM, the mixer of xLSTM: a matrix per head with exponential gates, kept in float32."""

from __future__ import annotations

from weighbridge.core.architecture import Cache, Mixer, Part
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.parts import bias, part
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits


def mlstm(keys: Keys, traits: Traits, plan: Plan) -> tuple[Mixer, tuple[Part, ...]]:
    """The mixer of one layer: a matrix, its normaliser and the largest exponent of each head."""
    del traits, plan
    hidden, count = ("hidden", keys.size("hidden_size")), keys.size("num_attention_heads")
    key_width = _width(keys, "qk_dim_factor", 0.5, count)
    value_width = _width(keys, "v_dim_factor", 1.0, count)
    keyed, valued, heads = ("keys", key_width), ("values", value_width), ("heads", count)
    biased = keys.flag("use_bias")
    parts = (
        part(
            "linear_mixer",
            "query and key",
            (hidden, ("", 2), keyed),
            bias(2 * key_width, biased),
        ),
        part(
            "linear_mixer",
            "value and output gate",
            (hidden, ("", 2), valued),
            bias(2 * value_width, biased),
        ),
        part("linear_mixer", "input and forget gate", (hidden, ("", 2), heads), (("", 2), heads)),
        part("linear_mixer", "output", (valued, hidden), bias(hidden[1], biased)),
        part("norm", "output norm", (valued,), bias(value_width, biased)),
    )
    key_dim, value_dim = key_width // count, value_width // count
    numbers = (("heads", count), ("key_dim", key_dim), ("value_dim", value_dim))
    cache = Cache(state_float32=count * (key_dim * value_dim + key_dim + 1))
    return Mixer("linear", "mLSTM", numbers, cache), parts


def _width(keys: Keys, factor: str, default: float, heads: int) -> int:
    """A fraction of hidden, divided among the heads."""
    share = keys.real(factor)
    width = int(keys.size("hidden_size") * (default if share is None else share))
    if not width or width % heads:
        raise FormatError(
            f"{keys.name}: {width} channels of an mLSTM do not divide among {heads} heads.",
            fix="Fetch the model's own config.json: this one was edited or damaged.",
        )
    return width
