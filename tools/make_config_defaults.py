"""Write the table of class defaults: python tools/make_config_defaults.py (needs transformers).

Only plain values are kept: numbers, flags and short words. Lists per layer are left out (the
readers derive them), and so is every key that would give a checkpoint a feature it does not name.
"""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any

from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES

ROOT = Path(__file__).parents[1] / "src/weighbridge/facts/architectures"
TARGET = ROOT / "defaults.json"

NESTED = ("text_config", "llm_config", "language_config", "thinker_config", "vision_config",
          "audio_config", "decoder", "encoder_config", "projector_config", "qformer_config",
          "perceiver_config", "high_res_vision_config", "vq_config", "adapter_config",
          "codec_config", "talker_config", "token2wav_config", "code2wav_config",
          "protein_encoder_config", "acoustic_tokenizer_encoder_config",
          "semantic_tokenizer_encoder_config", "adaptor_config")  # fmt: skip

# Classes that fill in their own defaults where a file states only some keys of the text model.
MERGED = ("glmasr", "voxtral", "voxtral_realtime")

# What a class derives per layer where nobody states it.
PATTERNS = ("layer_types", "mlp_layer_types", "cross_attention_layers")

# A class default that checkpoints of the same type do not share.
INVENTED = {
    "nemotron_h": {"hybrid_override_pattern", "layers_block_type"},
}  # fmt: skip
# Sizes whose names sound like noise.
SIZES = {"output_dim", "output_proj_dims", "output_channels", "conv_expansion_factor",
         "downsample_factor", "scale_factor", "use_mean_pooling", "time_reduction",
         "depthwise_separable_out_channel", "depthwise_multiplier"}  # fmt: skip
FRACTIONS = ("mlp_ratio", "downsample_ratio", "block_ffn_dim_multiplier")
NOISE = re.compile(
    r"token_id|token_index|dropout|drop$|_pdrop|initializer|_std$|_eps|epsilon|loss|output_|return_"
    r"|chunk_size_feed|problem_type|theta|scaling|softcap|multiplier|factor|torch|dtype|_act$"
    r"|activation|use_cache|mean|temperature|noise|rescale|prefix|summary_|gradient|aux|mup|jitter"
    r"|seed|begin_|decay|positions_?embedding_?type|label|mask_|time_step|limit|std|scale$"
)


def kept(config: dict[str, Any]) -> dict[str, Any]:
    """The plain values of a configuration that can matter to a count."""
    chosen: dict[str, Any] = {}
    for key, value in config.items():
        if key.startswith("_") or (NOISE.search(key) and key not in SIZES):
            continue
        if key in ("model_type", "architectures", "transformers_version", "is_encoder_decoder"):
            continue
        if key in ("image_size", "patch_size") and isinstance(value, list | tuple) and value:
            chosen[key] = value[0]
        if key in FRACTIONS and isinstance(value, float):
            chosen[key] = value
        if isinstance(value, bool | int) or (isinstance(value, str) and len(value) < 40):
            chosen[key] = value
    return chosen


def default_of(field: Field[Any]) -> object:
    """The default of one field, made where the class makes it anew each time."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def unlike_its_kind(nested: dict[str, Any]) -> dict[str, Any]:
    """What a class takes for a nested model that it is not given, unlike that model's own class."""
    if nested["model_type"] not in CONFIG_MAPPING:
        return {}
    usual = entry(nested["model_type"])
    own = {key: value for key, value in kept(nested).items() if usual.get(key, False) != value}
    for key in PATTERNS:
        if isinstance(nested.get(key), list) and (own or key == "cross_attention_layers"):
            own[key] = nested[key]
    return {key: value for key, value in own.items() if value is not None}


def entry(model_type: str) -> dict[str, Any]:
    """One line of the table: defaults of fields, not what the class derives from other keys."""
    kind = CONFIG_MAPPING[model_type]
    fields = getattr(kind, "__dataclass_fields__", {})
    row = kept({name: default_of(field) for name, field in fields.items()})
    try:
        config = kind().to_dict()
    except Exception:  # noqa: BLE001 - some classes cannot be made without arguments
        config = {}
    for key in NESTED:
        nested = config.get(key)
        if isinstance(nested, dict) and isinstance(nested.get("model_type"), str):
            row[key] = nested["model_type"] or f"{model_type}_{key.removesuffix('_config')}"
            own = unlike_its_kind(nested)
            if key == "text_config" and "tie_word_embeddings" in config:
                own["tie_word_embeddings"] = config["tie_word_embeddings"]
            if key == "text_config" and model_type in MERGED:
                row[f"{key}.given"] = dict(kind.sub_configs_defaults[key].init_kwargs)
            if own:
                row[f"{key}.own"] = own
    for key in INVENTED.get(model_type, ()):
        row.pop(key, None)
    return {key: value for key, value in sorted(row.items()) if value not in (False, "", None)}


def main() -> None:
    """Write the table."""
    lines = []
    for model_type in sorted(CONFIG_MAPPING_NAMES):
        row = entry(model_type)
        if row:
            lines.append(f"{json.dumps(model_type)}: {json.dumps(row)}")
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
