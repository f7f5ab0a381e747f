"""Models refused by name: no text generators, or of a form that is not modelled."""

from __future__ import annotations

from typing import Final

from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.families import FAMILIES
from weighbridge.facts.architectures.keys import Keys

_ENCODERS: Final = frozenset(
    {
        "albert", "bert", "big_bird", "bros", "camembert", "canine", "clip", "convbert",
        "data2vec-text", "deberta", "deberta-v2", "dinov2", "distilbert", "electra", "ernie",
        "ernie_m", "esm", "eurobert", "flaubert", "fnet", "funnel", "gte", "ibert", "jina_bert",
        "layoutlm", "layoutlmv2", "layoutlmv3", "lilt", "longformer", "luke", "markuplm",
        "megatron-bert", "mobilebert", "modernbert", "mpnet", "mra", "neobert", "nezha",
        "nomic_bert", "nystromformer", "perceiver", "qdqbert", "rembert", "roberta", "roc_bert",
        "roberta-prelayernorm", "roformer", "siglip", "siglip2", "splinter",
        "squeezebert", "tapas", "vit", "xlm",
        "xlm-roberta", "xlm-roberta-xl", "xmod", "yoso",
    }
)  # fmt: skip
_SPEECH: Final = frozenset(
    {
        "bark", "clap", "data2vec-audio", "encodec", "fastspeech2_conformer", "hubert", "mimi",
        "moonshine", "musicgen", "parakeet_ctc", "seamless_m4t", "seamless_m4t_v2", "sew", "sew-d",
        "speech_to_text", "speecht5", "unispeech", "unispeech-sat", "vits", "wav2vec2",
        "wav2vec2-bert", "wav2vec2-conformer", "wavlm", "whisper",
    }
)  # fmt: skip
_TWO_STACKS: Final = frozenset(
    {
        "bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "led", "longt5", "m2m_100",
        "marian", "mbart", "mt5", "mvp", "nllb-moe", "pegasus", "pegasus_x", "plbart",
        "prophetnet", "switch_transformers", "t5", "t5gemma", "t5gemma2", "trocr",
        "umt5",
    }
)  # fmt: skip
_FORMS: Final = {
    "gemma4_assistant": "drafts tokens for another model, whose cache it reads",
    "gemma4_unified_assistant": "drafts tokens for another model, whose cache it reads",
    "blt": "keeps its parts in nested models over bytes",
    "kosmos-2": "names its numbers in its own way",
    "kosmos-2.5": "names its numbers in its own way",
    "reformer": "sorts tokens into buckets by hashes and keeps those",
    "xlnet": "predicts words in any order and keeps hidden states of earlier segments",
    "pi0": "moves robots beside generating text",
}
_INSTEAD: Final = "Inspect a decoder-only model that generates text."


def refuse_by_name(top: Keys) -> None:
    """Refuse what is no decoder.

    Raises:
        FormatError: the type is an encoder, a speech model, or of a form that is not modelled.
    """
    kind = top.model_type
    if kind in _ENCODERS or (kind not in FAMILIES and _masked(top)):
        raise FormatError(
            f"{top.name} ({kind}) is an encoder, which keeps no cache and generates no text;"
            " encoders are not modelled.",
            fix=_INSTEAD,
        )
    if kind in _SPEECH:
        raise FormatError(
            f"{top.name} ({kind}) is a speech or audio model, which is not modelled.", fix=_INSTEAD
        )
    if kind in _TWO_STACKS:
        raise FormatError(
            f"{top.name} is an encoder with a decoder ({kind}), which is not modelled.",
            fix=_INSTEAD,
        )
    if kind in _FORMS:
        raise FormatError(
            f"{top.name} ({kind}) {_FORMS[kind]}, a form that is not modelled.", fix=_INSTEAD
        )


def _masked(top: Keys) -> bool:
    """Whether the class fills gaps in a text that it sees as a whole."""
    names = top.raw.get("architectures")
    return isinstance(names, list) and any(
        isinstance(name, str) and name.endswith("ForMaskedLM") for name in names
    )
