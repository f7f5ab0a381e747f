"""Models of no real vendor."""

from __future__ import annotations

from typing import Any

from weighbridge.facts.catalog.model import CatalogueModel

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 256,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
}


def sample(model: str = "acme/Anvil-7B", **changes: Any) -> CatalogueModel:
    facts: dict[str, Any] = {
        "id": model,
        "family": "anvil",
        "parameters": 7_000_000_000,
        "active": 7_000_000_000,
        "modality": "text",
        "license": "apache-2.0",
        "source": "a test",
        "date": "2026-01-02",
        "context": 131072,
    }
    return CatalogueModel(**(facts | changes))
