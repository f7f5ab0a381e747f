"""Layers that a search made unlike each other take a few lines of the table, and all of --json."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from weighbridge.cli.inspect import command


def _searched(folder: Path) -> Path:
    """A model of ten layers in ten runs, by the keys of Nemotron-NAS."""
    blocks = [
        {"attention": {"n_heads_in_group": 4}, "ffn": {"ffn_mult": mult}}
        for mult in (1, 2, 1, 3, 4, 1, 5, 6, 1, 7)
    ]
    keys = {
        "model_type": "nemotron-nas", "hidden_size": 768, "num_hidden_layers": 10,
        "num_attention_heads": 12, "intermediate_size": None, "vocab_size": 1000,
        "max_position_embeddings": 4096, "block_configs": blocks,
    }  # fmt: skip
    path = folder / "config.json"
    path.write_text(json.dumps(keys), encoding="utf-8")
    return path


def test_many_runs_are_summarised_by_kind(tmp_path: Path) -> None:
    text = CliRunner().invoke(command, [str(_searched(tmp_path))]).stdout
    assert "10 layers of 7 kinds in 10 runs (--json lists all)" in text
    assert "4 × GQA 12 heads on 3 KV heads of 64" in text
    assert "3 layers of 3 more kinds" in text


def test_json_lists_all(tmp_path: Path) -> None:
    record = json.loads(CliRunner().invoke(command, [str(_searched(tmp_path)), "--json"]).stdout)
    assert len(record["layers"]) == 10
