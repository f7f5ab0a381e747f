"""Weights of multi-token prediction, which checkpoints store beside the model.

One module predicts one token more: a layer of the model's last kind, a projection that joins the
hidden state with the next token's embedding, and three norms. Some publishers store copies of the
embedding and of the output head with each module.
"""

from __future__ import annotations

from weighbridge.core.architecture import Layer
from weighbridge.facts.architectures.keys import Keys, same_number
from weighbridge.facts.architectures.layers import layer_of
from weighbridge.facts.architectures.outside import norm_weights
from weighbridge.facts.architectures.patterns import FULL, mixer_word
from weighbridge.facts.architectures.plan import Plan
from weighbridge.facts.architectures.traits import Traits

_MOST = 64


def mtp_parameters(keys: Keys, traits: Traits, layers: list[Layer]) -> int:
    """Weights of all modules that the file announces; 0 where it announces none."""
    if not keys.stated("num_nextn_predict_layers"):
        return 0
    modules = min(keys.number("num_nextn_predict_layers"), _MOST)
    if not modules or not layers:
        return 0
    if not traits.mtp_stored or "layers" in keys.left_out:
        _say_unmodelled(keys)
        return 0
    hidden = keys.size("hidden_size")
    own = _layer_weights(keys, traits, layers) + 2 * hidden * hidden
    own += 3 * norm_weights(traits) * hidden
    if traits.mtp_copies:
        own += 2 * hidden * keys.size("vocab_size")
    return modules * own


def _say_unmodelled(keys: Keys) -> None:
    """Which keys announce modules of a form that no reader knows."""
    main = "num_nextn_predict_layers"
    stated = [f"{key} {keys.raw[key]}" for key in (main, *same_number(main)) if key in keys.raw]
    keys.assume(
        f"The configuration announces multi-token prediction ({', '.join(stated)}) of a form that"
        " is not modelled: its weights are not counted."
    )


def _last_plan(keys: Keys, traits: Traits, layers: list[Layer]) -> Plan:
    """The layer of DeepSeek's modules: full attention with an indexer of its own, and experts."""
    mlp = "dense" if layers[-1].mlp.kind == "dense" else "sparse"
    detail = ""
    if traits.mixer == "compressed":
        ratios = keys.integers("compress_ratios") or ()
        detail = str(ratios[len(layers)]) if len(ratios) > len(layers) else "0"
    elif keys.maybe("index_topk") and keys.maybe("index_head_dim"):
        detail = "indexer"
    return Plan(FULL, mlp, detail=detail)


def _layer_weights(keys: Keys, traits: Traits, layers: list[Layer]) -> int:
    """Weights of the layers of one module: stated kinds, else one like the last of the model."""
    words = keys.words("mtp_layers_block_type")
    if words is None:
        letters = keys.value("mtp_hybrid_override_pattern")
        words = tuple(letters[:_MOST]) if isinstance(letters, str) else None
    if traits.mixer in ("latent", "compressed"):
        return layer_of(keys, traits, _last_plan(keys, traits, layers)).parameters
    if not words or not traits.alternating:
        return layers[-1].parameters
    total = 0
    for word in words[:_MOST]:
        kind = mixer_word(word)
        mlp = {"mlp": "dense", "moe": "sparse"}.get(kind, "none")
        plan = Plan("none" if mlp != "none" else kind, mlp)
        total += layer_of(keys, traits, plan).parameters
    return total
