"""Write tests/data/absent.json: python tools/make_config_absent.py (needs torch, transformers).

For every configuration of tests/data/configs: each key of the text model deleted in turn, and all
keys together that tell layers apart; the number of weights that the class makes then. Deletions
that change nothing are left out, and so are those that the class refuses.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

DATA = Path(__file__).parents[1] / "tests/data"

PATTERNS = (
    "layer_types", "layers_block_type", "mlp_layer_types", "attn_type_list", "compress_ratios",
    "compress_rates", "indexer_types", "linear_attn_config", "cross_attention_layers",
    "first_k_dense_replace", "num_dense_layers", "sliding_window_pattern", "attn_layer_indices",
    "full_attn_idxs", "full_attention_interval", "mlp_only_layers", "per_layer_config",
    "attn_layer_period", "attn_layer_offset", "decoder_sparse_step", "layer_group_size",
    "block_types", "interleave_moe_layer_step",
)  # fmt: skip


def settings(raw: dict[str, Any]) -> Any:  # noqa: ANN401 - a class that transformers picks
    """The configuration as its class understands it."""
    given = {"pad_token_id": 0, **copy.deepcopy(raw)}
    kind = CONFIG_MAPPING[given.pop("model_type")]
    return kind.from_dict({key: given[key] for key in given if key != "architectures"})


def count(raw: dict[str, Any], config: Any) -> int:  # noqa: ANN401 - likewise
    """Weights of the class, each tied weight once."""
    kind = getattr(transformers, raw["architectures"][0])
    with torch.device("meta"):
        model = kind._from_config(config)  # noqa: SLF001 - the only way without weights
    return sum(weight.numel() for weight in model.parameters())


def deletions(raw: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Where the text model lies, and what to delete there."""
    at = "text_config" if isinstance(raw.get("text_config"), dict) else ""
    text = raw[at] if at else raw
    kept = ("architectures",) if at else ("architectures", "model_type")
    yield from ((at, [key]) for key in text if key not in kept)
    patterns = [key for key in PATTERNS if key in text]
    if len(patterns) > 1:
        yield at, patterns


def cases(raw: dict[str, Any], whole: int) -> Iterator[dict[str, Any]]:
    """Deletions that change the number of weights; equal settings are counted once."""
    counted = {settings(raw).to_json_string(): whole}
    for at, gone in deletions(raw):
        cut = copy.deepcopy(raw)
        for key in gone:
            del (cut[at] if at else cut)[key]
        try:
            config = settings(cut)
            text = config.to_json_string()
            counted[text] = counted[text] if text in counted else count(cut, config)
        except Exception:  # noqa: BLE001, S112 - what the class cannot make has no number
            continue
        if counted[text] != whole:
            yield {"at": at, "gone": gone, "parameters": counted[text]}


def main() -> None:
    """Write the table."""
    expected = json.loads((DATA / "configs/parameters.json").read_text("utf-8"))
    lines = []
    for name in expected:
        raw = json.loads((DATA / f"configs/{name}.json").read_text("utf-8"))
        found = list(cases(raw, expected[name]))
        print(name, len(found))
        lines += [json.dumps({"name": name, **case}) for case in found]
    (DATA / "absent.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
