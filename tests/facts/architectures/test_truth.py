"""139 published configurations against counts of transformers and closed forms of their caches."""

from __future__ import annotations

import csv
import json
from functools import cache
from typing import Final

import pytest

from tests.shared_data import shared
from weighbridge.core.architecture import COMPONENTS, Component, ModelArchitecture
from weighbridge.facts.architectures.grouping import by_module
from weighbridge.facts.architectures.read import read_config

# The table counted this file by class defaults: its keys stand where the class does not look.
UNLIKE_ITS_FILE: Final = {"stepfun-ai/Step-3.7-Flash"}
# The table's closed form leaves out the states of this family's linear layers.
WITHOUT_STATES: Final = {"inclusionAI/Ling-3.0-Flash"}

Row = dict[str, str]


@cache
def rows() -> list[tuple[Row, ModelArchitecture]]:
    folder = shared("data", "configs")
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    return [
        (row, read_config(json.loads((folder / row["file"]).read_bytes()), name=row["name"]))
        for row in table
    ]


def column(component: Component) -> str:
    return "p_per_layer_emb" if component == "per_layer_embedding" else f"p_{component}"


@pytest.mark.parametrize(
    ("field", "truth", "except_for"),
    [
        ("parameters", "exact_params_meta", UNLIKE_ITS_FILE),
        ("active", "active_params_meta", UNLIKE_ITS_FILE),
    ],
)
def test_weights_are_exact(field: str, truth: str, except_for: set[str]) -> None:
    wrong = {
        row["name"]: (getattr(found, field), row[truth])
        for row, found in rows()
        if row[truth] and getattr(found, field) != int(row[truth]) and row["name"] not in except_for
    }
    assert wrong == {}


def test_components_are_within_a_thousandth() -> None:
    wrong = {}
    for row, found in rows():
        counts = by_module(found).by_component
        for component in COMPONENTS:
            expected = int(float(row[column(component)] or 0))
            if row["exact_params_meta"] and abs(counts[component] - expected) * 1000 > expected:
                wrong[row["name"], component] = (counts[component], expected)
    assert wrong == {}


def test_caches_are_exact() -> None:
    wrong = {
        row["name"]: (found.kv_bytes(32_768), row["kv_ref_bytes_at_32768"])
        for row, found in rows()
        if row["kv_ref_bytes_at_32768"]
        and found.kv_bytes(32_768) != int(float(row["kv_ref_bytes_at_32768"]))
        and row["name"] not in WITHOUT_STATES
    }
    assert wrong == {}
