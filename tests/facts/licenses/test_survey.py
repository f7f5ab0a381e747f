"""The catalogue says what the survey of licences says, row by row."""

from __future__ import annotations

import csv
import re
from typing import Final

import pytest

from tests.shared_data import shared
from weighbridge.facts.licenses.clauses import License, Permission
from weighbridge.facts.licenses.read import catalogue

# Row of the survey → the texts that it speaks of.
ROWS: Final = {
    "Apache-2.0": ["apache-2.0"],
    "MIT": ["mit"],
    "openmdw-1.0/1.1": ["openmdw-1.0", "openmdw-1.1"],
    "llama3": ["llama3"],
    "llama3.1/3.2/3.3": ["llama3.1", "llama3.2", "llama3.3"],
    "llama4": ["llama4"],
    "gemma (<=3)": ["gemma"],
    "qwen (Qwen2.5-72B,3B differs)": ["qwen"],
    "qwen-community-1.0 (Qwen3.8-Flash-Next)": ["qwen-community-1.0"],
    "qwen3.8-max (Qwen3.8-2.4T)": ["qwen3.8-max"],
    "modified-mit (Kimi K2.x)": ["kimi-k2-modified-mit"],
    "kimi-k3": ["kimi-k3"],
    "minimax-community (M3)": ["minimax-community"],
    "MiniMax-M2.7 non-commercial": ["minimax-m2.7-non-commercial"],
    "glm-5.3": ["glm-5.3"],
    "deepseek-license (V2/V3-0324 era)": ["deepseek"],
    "falcon-llm-license": ["falcon-llm-license"],
    "nvidia-open-model-license": ["nvidia-open-model-license"],
    "mrl / mnpl (Mistral)": ["mistral-research"],
    "mistral modified MIT (Medium 3.5)": ["mistral-modified-mit"],
    "cc-by-nc-4.0 (Cohere Aya/Command R, Jina v3)": ["cc-by-nc-4.0"],
    "exaone 1.1-nc": ["exaone-1.1-nc"],
    "bigcode-openrail-m": ["bigcode-openrail-m"],
    "stability-ai-community": ["stability-ai-community"],
    "lfm1.0 (Liquid)": ["lfm1.0"],
    "upstage-solar / jamba / hunyuan / health-ai / fair-nc": [
        "upstage-solar-license",
        "jamba-open-model-license",
        "tencent-hunyuan-community",
        "health-ai",
        "fair-noncommercial-research",
    ],
}

_UNIT = {"M": 10**6, "B": 10**9}


def survey() -> list[dict[str, str]]:
    with shared("data", "licenses.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def amounts(text: str) -> set[int]:
    """Every number of users or dollars: ``700M MAU``, ``US$20M``."""
    found = re.findall(r"(\d+)([MB]) MAU|US\$(\d+)([MB])", text)
    return {int(a or c) * _UNIT[b or d] for a, b, c, d in found}


def commercial(row: dict[str, str]) -> Permission:
    text = row["commercial_use"]
    if text.startswith("NO"):
        return "no"
    if text == "READ":
        return "unknown"
    limited = re.search(r"except|;|need|<|below|with notice", text)
    return "conditional" if limited else "yes"


def test_every_row_is_answered_by_its_own_entries() -> None:
    assert [row["license_id"] for row in survey()] == list(ROWS)
    answered = [entry for entries in ROWS.values() for entry in entries]
    assert len(answered) == len(set(answered))
    assert set(answered) <= set(catalogue())


@pytest.mark.parametrize("name", ROWS)
def test_the_clauses_are_the_rows_facts(name: str) -> None:
    row = next(row for row in survey() if row["license_id"] == name)
    for entry in ROWS[name]:
        terms = catalogue()[entry]
        assert terms.commercial == commercial(row)
        assert_thresholds(terms, row)
        assert_attribution(terms, row)
        assert_outputs(terms, row)
        assert_territories(terms, row)
        assert_restrictions(terms, row)
        assert terms.source
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", terms.date)


def assert_thresholds(terms: License, row: dict[str, str]) -> None:
    stated = amounts(f"{row['commercial_use']} {row['threshold']}".replace(" yearly", ""))
    assert {threshold.above for threshold in terms.thresholds} == stated
    for threshold in terms.thresholds:
        assert (threshold.metric == "monthly users") == (threshold.above in (10**8, 7 * 10**8))


def assert_attribution(terms: License, row: dict[str, str]) -> None:
    words = " ".join([*terms.marks, terms.outputs_words, terms.derivatives, terms.name_prefix])
    words += " ".join(threshold.words for threshold in terms.thresholds)
    for quoted in re.findall(r"'([^']+)'", row["attribution"]):
        assert quoted in words
    assert bool(terms.name_prefix) == ("prefix" in row["attribution"] + row["derivative_rules"])
    assert any(t.effect == "display" for t in terms.thresholds) == ("UI" in row["attribution"])


def assert_outputs(terms: License, row: dict[str, str]) -> None:
    text = row["output_training"].lower()
    if "forbid" in text:
        assert terms.outputs == "no"
    elif text == "allowed" or "unrestricted" in text or "not derivatives" in text:
        assert terms.outputs == "yes"
    elif text and text != "none":
        assert terms.outputs in ("conditional", "unknown")
        assert terms.outputs_words


def assert_territories(terms: License, row: dict[str, str]) -> None:
    excluded = "EU-domiciled" in row["use_restrictions"]
    one_version = re.match(r"AUP; (\d\.\d)", row["use_restrictions"])
    if one_version and not terms.id.endswith(one_version[1]):
        excluded = False
    assert bool(terms.territories) == excluded


def assert_restrictions(terms: License, row: dict[str, str]) -> None:
    text = row["use_restrictions"]
    if re.search("flow|flowed", text):
        assert terms.use_policy == "passed on"
    elif re.search("AUP|Trustworthy|banned", text):
        assert terms.use_policy in ("binds you", "passed on")
    assert ("assistant" in {one.who for one in terms.businesses}) == (
        "AI Work Assistant' businesses" in row["commercial_use"]
    )
    assert terms.internal_use_exempt == ("internal use exempt" in row["commercial_use"])
    assert ("patent" in row["other"]) <= bool(terms.patents)
