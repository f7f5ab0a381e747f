"""Write src/weighbridge/facts/catalog/models.jsonl from the shared tables and configurations.

    python tools/make_catalogue.py [--shared ../shared/data] [--configs DIR]

``--configs`` names a further folder of published config.json files (ORG--MODEL.json). Facts only:
of a configuration we keep the keys that say how a model is built.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from catalogue_relatives import CORRECTIONS, DIMENSIONS, FURTHER, KIN, RELATIVES, SAME_FORMAT
from weighbridge.core.errors import InputError
from weighbridge.facts.catalog.compact import compact
from weighbridge.facts.catalog.families import family_of
from weighbridge.facts.catalog.lines import line_of, read_lines
from weighbridge.facts.catalog.model import Basis, CatalogueModel, deviation

ROOT = Path(__file__).parents[1]
OUT = ROOT / "src/weighbridge/facts/catalog/models.jsonl"
DATE = "2026-11-20"
_KEPT = "config.json as kept in aiconfigurator-core 0.12.0"


@dataclass(frozen=True)
class Published:
    """A configuration, where it is from, and the sizes that are known of it.

    ``stored`` counts the weights in its files, multi-token prediction included.
    """

    config: dict[str, Any]
    basis: Basis
    source: str
    parameters: int | None = None
    active: int | None = None
    stored: int | None = None


def read_published(shared: Path, further: Path | None) -> dict[str, Published]:
    """Every configuration that we have, by model; what is nowhere else stays as it is."""
    found = {
        model.id: Published(model.config, "config", _KEPT)
        for model in (read_lines(OUT) if OUT.exists() else ())
        if model.config is not None and model.source.endswith(_KEPT)
    }
    if further is not None:
        for path in sorted(further.glob("*.json")):
            config = compact(json.loads(path.read_text(encoding="utf-8")))
            found[path.stem.replace("--", "/")] = Published(config, "config", _KEPT)
    for row in rows_of(shared / "configs/truth.csv"):
        config = json.loads((shared / "configs" / row["file"]).read_text(encoding="utf-8"))
        verbatim = row["provenance"].startswith("verbatim")
        counted, hub = row["exact_params_meta"], row["hub_safetensors_total"]
        found[row["name"]] = Published(
            compact(config),
            "config" if verbatim else "copy",
            f"config.json ({row['provenance'].partition(';')[0]})",
            int(counted or hub or 0) or None,
            int(row["active_params_meta"] or 0) or None,
            int(hub or 0) or None,
        )
    return found


def rows_of(path: Path) -> list[dict[str, str]]:
    """A table as dictionaries."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def from_table(row: dict[str, str], published: dict[str, Published]) -> CatalogueModel:
    """The line of one row of models.csv."""
    model = row["repo_id"]
    corrected, why = CORRECTIONS.get(model, ({}, ""))
    row = row | corrected
    size = round(float(row["total_params_b"]) * 1e9)
    active = round(float(row["active_params_b"]) * 1e9) if row["active_params_b"] else size
    known = known_config(row, size, published)
    sources = [row["source"]]
    if known is not None:
        sources.append(known.source)
        size, active = known.parameters or size, known.active or active
    return CatalogueModel(
        id=model,
        family=family_of(model),
        parameters=size,
        active=min(active, size),
        modality=row["modality"],
        license=re.sub(r" \(custom\)$", "", row["license_id"]),
        source="; ".join(sources),
        date=DATE,
        # A number that its own source doubts is no fact.
        context=int(row["context"])
        if row["context"] and "unverified" not in row["flags"]
        else None,
        released=row["release_date"] or None,
        config=None if known is None else known.config,
        basis="size" if known is None else known.basis,
        notes="; ".join(filter(None, [row["flags"], why])),
    )


def known_config(
    row: dict[str, str], size: int, published: dict[str, Published]
) -> Published | None:
    """The configuration of a model: its own, a relative's, or one built from dimensions."""
    model = row["repo_id"]
    if model in published:
        return published[model]
    if model in RELATIVES:
        return related(row, size, published)
    if model in DIMENSIONS:
        return Published(from_dimensions(row, size), "dimensions", "built from dimensions")
    return None


def related(row: dict[str, str], size: int, published: dict[str, Published]) -> Published:
    """A relative's configuration with this model's context and what else differs."""
    other, changes = RELATIVES[row["repo_id"]]
    theirs = published[other]
    left_out = set() if row["repo_id"] in SAME_FORMAT else {"quantization_config"}
    config = {key: value for key, value in theirs.config.items() if key not in left_out}
    text = next((key for key in ("text_config", "llm_config") if key in config), None)
    changes = {"max_position_embeddings": int(row["context"])} | changes
    config = config | ({text: config[text] | changes} if text else changes)
    sizes = [count for count in (theirs.parameters, theirs.stored) if count]
    agrees = any(abs(count / size - 1) < 0.005 for count in sizes)
    same = theirs if agrees and set(changes) == {"max_position_embeddings"} else None
    return Published(
        config,
        "relative",
        f"configuration of {other}",
        same.parameters if same else None,
        same.active if same else None,
    )


def from_dimensions(row: dict[str, str], size: int) -> dict[str, Any]:
    """A configuration from dimensions; the width of the MLP is what the size leaves for it."""
    extra = DIMENSIONS[row["repo_id"]]
    layers, hidden, heads, kv_heads, head_dim, vocabulary = (
        int(row[key]) for key in ("layers", "hidden", "heads", "kv_heads", "head_dim", "vocab")
    )
    tables = 1 if extra.get("tie_word_embeddings") else 2
    attention = hidden * head_dim * 2 * (heads + kv_heads)
    left = size - tables * vocabulary * hidden - layers * attention
    return {
        "hidden_size": hidden,
        "intermediate_size": 64 * round(left / (3 * hidden * layers) / 64),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "vocab_size": vocabulary,
        "max_position_embeddings": int(row["context"]),
        "tie_word_embeddings": tables == 1,
    } | extra


def further_models(
    published: dict[str, Published], truth: list[dict[str, str]]
) -> Iterator[CatalogueModel]:
    """Models beyond the table whose published configuration we have."""
    totals = {row["name"]: row for row in truth}
    for model, (license_id, released) in FURTHER.items():
        known, row = published[model], totals[model]
        size = known.parameters or round(float(row["total_params"]))
        text = known.config.get("text_config", known.config)
        context = text.get("max_position_embeddings")
        yield CatalogueModel(
            id=model,
            family=family_of(model),
            parameters=size,
            active=known.active or size,
            modality="text+image" if "vision_config" in known.config else "text",
            license=license_id,
            source=f"{known.source}; licence and date by the vendor's model card, from memory",
            date=DATE,
            context=context,
            released=released,
            config=known.config,
            basis=known.basis,
        )


def kin(published: dict[str, Published], truth: list[dict[str, str]]) -> Iterator[CatalogueModel]:
    """Models beyond the table that share a configuration we have."""
    counted = {row["name"]: row["exact_params_meta"] for row in truth}
    for model, (other, changes, license_id, released) in KIN.items():
        theirs = published[other]
        config = theirs.config | changes
        config = {key: value for key, value in config.items() if value is not None}
        size = int(counted[other] or theirs.parameters or 0)
        text = config.get("text_config", config)
        yield CatalogueModel(
            id=model,
            family=family_of(model),
            parameters=size,
            active=theirs.active or size,
            modality="text+image" if "vision_config" in config else "text",
            license=license_id,
            source=f"configuration of {other}; licence and date by the vendor's model card, "
            "from memory",
            date=DATE,
            context=text.get("max_position_embeddings"),
            released=released,
            config=config,
            basis="relative",
        )


def verified(model: CatalogueModel) -> CatalogueModel:
    """The same, with the exact count when that of its architecture is the published one."""
    if model.config is None or model.basis == "dimensions":
        return model
    try:
        built = model.architecture()
    except InputError as error:
        print(f"  {error}")
        return model
    off = deviation(built, model.parameters)
    if off >= 0.005:
        print(f"  {model.id} is off by {100 * off:.1f} %")
        return model
    return msgspec.structs.replace(
        model, verified=True, parameters=built.parameters, active=built.active
    )


def main() -> None:
    """Read the tables, write the catalogue, say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--configs", type=Path)
    asked = parser.parse_args()
    published = read_published(asked.shared, asked.configs)
    models = [from_table(row, published) for row in rows_of(asked.shared / "models.csv")]
    known = {model.id for model in models}
    truth = rows_of(asked.shared / "configs/truth.csv")
    models += [model for model in further_models(published, truth) if model.id not in known]
    known = {model.id for model in models}
    models += [model for model in kin(published, truth) if model.id not in known]
    models = [verified(model) for model in models]
    OUT.write_bytes(b"".join(map(line_of, models)))
    for basis in ("config", "copy", "relative", "dimensions", "size"):
        mine = [model for model in models if model.basis == basis]
        print(f"{basis:11} {len(mine):4}  verified {sum(model.verified for model in mine)}")
    print(f"{len(models)} models, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
