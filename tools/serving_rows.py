"""Rows of measured serving runs, as scenes with what was measured."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from weighbridge.facts.catalog.catalogue import Catalogue, load
from weighbridge.facts.devices.catalogue import find
from weighbridge.facts.quantizations.served import served_as
from weighbridge.facts.quantizations.table import from_config
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.serving.scenes import Scene
from weighbridge.predict.table import Model, model, placed
from weighbridge.verbs.scenario_table import scenario

# More devices than this in one replica are racks, which nothing here models.
MOST_DEVICES = 16
# The runs with multi-token prediction that the table does not mark: by day of the recipe.
_SPECULATIVE_DAYS = frozenset({"2026-01-14"})
_SPECULATIVE_VERSIONS = frozenset({"1.2.0rc6.post3"})
_SAME = {"DeepSeek-V3": "DeepSeek-R1"}


@dataclass(frozen=True)
class Measured:
    """One run: what was asked for, and what came out.

    Attributes:
        family: the model; those of one architecture have one name.
        system: the device by the table's name.
        scene: what was served, and the load.
        ttft_s: measured.
        tpot_s: measured.
        speculative: whether multi-token prediction was on.
        sound: whether its load is known: of several replicas some may have had more than others.
    """

    family: str
    system: str
    scene: Scene
    ttft_s: float
    tpot_s: float
    speculative: bool
    sound: bool


def read(path: Path) -> list[Measured]:
    """The runs of the aggregated mode with a known load."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return list(_measured(csv.DictReader(file)))


def _measured(rows: csv.DictReader[str]) -> Iterator[Measured]:
    catalogue = load()

    @cache
    def resolve(name: str, precision: str) -> Model:
        return _model(catalogue, name, precision)

    for row in rows:
        if row["mode"] != "agg" or not (row["concurrency"] or row["batch_size"]):
            continue
        asked, _ = scenario(row)
        of = resolve(family(row["model_path"]), asked.precision)
        scene = placed(asked, of, find(row["system"]).device).scene
        if scene.parallelism.devices > MOST_DEVICES:
            continue
        yield Measured(
            family=family(row["model_path"]),
            system=row["system"],
            scene=scene,
            ttft_s=float(row["silicon_ttft_ms"]) / 1e3,
            tpot_s=float(row["silicon_tpot_ms"]) / 1e3,
            speculative=_speculative(row),
            sound=asked.concurrency == float(row["concurrency"] or row["batch_size"]),
        )


def family(path: str) -> str:
    """Models of one architecture have one name here, so that they are left out together."""
    name = path.rpartition("/")[2].removesuffix("-NVFP4").removesuffix("-FP8")
    return _SAME.get(name.replace("-V3.1", "-V3"), name)


def _speculative(row: dict[str, str]) -> bool:
    recipe = row["measured"] in _SPECULATIVE_DAYS or row["backend_version"] in _SPECULATIVE_VERSIONS
    return recipe and row["backend"] == "trtllm" and "DeepSeek" in row["model_path"]


def _model(catalogue: Catalogue, name: str, precision: str) -> Model:
    found = catalogue.find(name)
    architecture = found.architecture()
    stated = from_config(found.config or {}, architecture)
    native = stated.quantization or what_if("bf16", architecture)
    return model(name, architecture, served_as(precision, architecture, native))
