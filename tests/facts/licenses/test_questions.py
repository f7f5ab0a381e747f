from __future__ import annotations

import pytest

from weighbridge.facts.licenses.clauses import Permission
from weighbridge.facts.licenses.intents import INTENTS, Intents
from weighbridge.facts.licenses.questions import Answer, answer, parse_intents, to_json
from weighbridge.facts.licenses.read import catalogue, recognise


def asked(license_id: str, intents: str, multimodal: bool | None = None) -> Answer:
    return answer(recognise(license_id), parse_intents(intents), multimodal=multimodal)


@pytest.mark.parametrize("name", ["apache-2.0", "mit", "openmdw-1.0"])
def test_permissive_licences_allow_all(name: str) -> None:
    given = answer(recognise(name), Intents(tuple(INTENTS), users=10**9, revenue=10**12))
    assert given.verdict == "yes"
    assert {given.of(intent) for intent in INTENTS} == {"yes"}


@pytest.mark.parametrize(
    ("license_id", "intents", "multimodal", "expected"),
    [
        ("llama3.1", "commercial", None, "conditional"),
        ("llama3.1", "users=800M", None, "no"),
        ("llama3.1", "users=5M", None, "conditional"),
        ("llama3.1", "eu", True, "yes"),
        ("llama3.2", "eu", True, "no"),
        ("llama3.2", "eu", False, "yes"),
        ("llama3.2", "eu", None, "conditional"),
        ("llama4", "eu", None, "no"),
        ("llama3", "distill", None, "no"),
        ("llama3.3", "distill", None, "conditional"),
        ("gemma", "commercial", None, "conditional"),
        ("gemma", "eu", True, "yes"),
        ("gemma", "distill", None, "conditional"),
        ("gemma", "redistribute", None, "conditional"),
        ("cc-by-nc-4.0", "commercial", None, "no"),
        ("cc-by-nc-sa-3.0", "commercial", None, "no"),
        ("cc-by-nd-4.0", "redistribute", None, "conditional"),
        ("cc-by-nd-4.0", "finetune", None, "conditional"),
        ("gpl-3.0", "commercial", None, "yes"),
        ("gpl-3.0", "maas", None, "yes"),
        ("gpl-3.0", "redistribute", None, "conditional"),
        ("agpl-3.0", "commercial", None, "yes"),
        ("agpl-3.0", "maas", None, "conditional"),
        ("osl-3.0", "maas", None, "conditional"),
        ("mpl-2.0", "maas", None, "yes"),
        ("odc-by", "commercial", None, "yes"),
        ("creativeml-openrail-m", "commercial", None, "conditional"),
        ("creativeml-openrail-m", "distill", None, "conditional"),
        ("openrail++", "redistribute", None, "conditional"),
        ("cc-by-nc-4.0", "maas", None, "no"),
        ("cc-by-nc-4.0", "finetune", None, "conditional"),
        ("qwen", "users=99M", None, "yes"),
        ("qwen", "users=101M", None, "no"),
        ("qwen-community-1.0", "maas", None, "no"),
        ("qwen-community-1.0", "assistant", None, "no"),
        ("qwen-community-1.0", "internal", None, "conditional"),
        ("mistral-modified-mit", "maas", None, "conditional"),
        ("glm-5.3", "maas,revenue=20B", None, "conditional"),
        ("kimi-k3", "internal", None, "yes"),
        ("kimi-k3", "maas", None, "conditional"),
        ("kimi-k3", "maas,revenue=30M", None, "no"),
        ("kimi-k3", "maas,revenue=10M,users=1M", None, "yes"),
        ("kimi-k3", "commercial,revenue=300M", None, "conditional"),
        ("kimi k2", "users=200M,revenue=1M", None, "conditional"),
        ("minimax m2.7", "commercial", None, "no"),
        ("minimax-community", "revenue=30M", None, "no"),
        ("deepseek", "maas", None, "conditional"),
        ("exaone-1.1-nc", "distill", None, "no"),
        ("stability-ai-community", "revenue=2M", None, "no"),
        ("openmdw-1.1", "commercial", None, "conditional"),
        ("nvidia-open-model-license", "distill", None, "yes"),
        ("somebodys-own", "commercial", None, "unknown"),
        ("exaone", "eu", None, "unknown"),
    ],
)
def test_known_cases(
    license_id: str, intents: str, multimodal: bool | None, expected: Permission
) -> None:
    assert asked(license_id, intents, multimodal).verdict == expected


def test_the_reasons_name_threshold_mark_and_prefix() -> None:
    given = asked("llama3.1", "commercial,redistribute")
    words = " ".join(reason.words for reason in given.reasons)
    assert "700M users a month" in words
    assert "'Built with Llama'" in words
    assert "start with 'Llama'" in words


def test_an_unread_text_is_blocked_in_these_words() -> None:
    given = asked("somebodys-own", "commercial,eu")
    assert [reason.verdict for reason in given.reasons] == ["unknown", "unknown"]
    assert "Blocked until read" in given.reasons[0].words


def test_nothing_asked_is_nothing_known() -> None:
    assert answer(recognise("mit"), Intents(())).verdict == "unknown"


def test_a_clause_for_one_business_leaves_others_alone() -> None:
    given = asked("glm-5.3", "commercial,maas")
    reviewed = {reason.intent for reason in given.reasons if "security review" in reason.words}
    assert reviewed == {"maas"}


def test_the_severest_reason_decides() -> None:
    given = asked("llama4", "commercial,eu")
    assert given.of("commercial") == "conditional"
    assert given.of("eu") == "no"
    assert given.verdict == "no"


@pytest.mark.parametrize("name", catalogue())
def test_every_licence_answers_every_intent_and_says_it_is_no_advice(name: str) -> None:
    given = answer(catalogue()[name], Intents(tuple(INTENTS)))
    assert {reason.intent for reason in given.reasons} == set(INTENTS)
    for reason in given.reasons:
        assert reason.words.endswith(".")
    assert "not legal advice" in given.note
    assert "not legal advice" in str(to_json(given)["note"])


@pytest.mark.parametrize("name", catalogue())
def test_what_was_not_read_is_never_a_plain_yes(name: str) -> None:
    terms = catalogue()[name]
    given = answer(terms, Intents(tuple(INTENTS), users=1, revenue=1))
    if terms.evidence != "text":
        assert all(given.of(intent) != "yes" for intent in INTENTS)
    if terms.commercial == "no":
        assert given.of("commercial") == "no"


def test_json_has_the_documented_keys() -> None:
    document = to_json(asked("gemma", "commercial,eu"))
    assert list(document) == [
        "license", "verdict", "by_intent", "reasons", "source", "date", "note",
    ]  # fmt: skip
    assert document["by_intent"] == {"commercial": "conditional", "eu": "yes"}
    assert {"intent", "verdict", "why"} == set(document["reasons"][0])
