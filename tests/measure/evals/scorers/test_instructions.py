from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.measure.evals.scorers.scoring import complaint, score
from tests.shared_data import shared
from weighbridge.measure.evals.languages import is_in
from weighbridge.measure.evals.scorers.instruction_checks import CHECKS, plain_id
from weighbridge.measure.evals.scorers.sentences import sentences

# Kind, arguments, a text that follows, one that does not.
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("keywords:existence", {"keywords": ["Cat", "dog"]}, "cats and DOGS", "cats alone"),
    (
        "keywords:frequency",
        {"keyword": "war", "frequency": 2, "relation": "at least"},
        "War and warfare",
        "war",
    ),
    ("keywords:frequency", {"keyword": "x", "frequency": 1, "relation": "less than"}, "y", "x"),
    ("keywords:forbidden_words", {"forbidden_words": ["rock"]}, "rocket", "a Rock."),
    ("keywords:forbidden_words", {"forbidden_words": ["a.b"]}, "a b axb", "a.b"),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_frequency": 2, "let_relation": "at least"},
        "# one\n# two",
        "#",
    ),
    ("language:response_language", {"language": "de"}, "Das ist der Weg", "This is the way"),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "less than"},
        "Mr. Smith came at 3 p.m. today. He left.",
        "One. Two! Three?",
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", "a\n\nb"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a***b***", "a***  ***b"),
    (
        "length_constraints:number_words",
        {"num_words": 3, "relation": "at least"},
        "one two three",
        "one two",
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "weekend"},
        'First.\n\n"Weekend, at last',
        "Weekend\n\nfirst",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] [b c]", "[a]"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "x\np.s. y", "x\nPS y"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "P. P. S more", "P.S. x"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b", "* a\n* b\n* c"),
    ("detectable_format:constrained_response", {}, "Well. My answer is no.", "My answer: no"),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        "*one* and **two**",
        "*one* and ** **",
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "SECTION 1\na\nSECTION 2\nb",
        "Section 1 SECTION 2",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', '{"a": 1} done'),
    ("detectable_format:title", {}, "<<My title>>\ntext", "<< >> text"),
    ("combination:two_responses", {}, "one\n******\ntwo", "one******one"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say X."}, "say x. X", "X. Say X."),
    ("startend:end_checker", {"end_phrase": "That is all."}, 'x\n"that is ALL."', "That is all. x"),
    ("startend:quotation", {}, ' "all of it" ', '"all" of it'),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        "THIS is LOUD",
        "This is LOUD",
    ),
    ("change_case:english_capital", {}, "THIS IS THE END", "THIS is the end"),
    ("change_case:english_capital", {}, "GO AND SEE THE SEA", "DAS IST NICHT DER WEG"),
    ("change_case:english_lowercase", {}, "this is the end", "This is the end"),
    ("punctuation:no_comma", {}, "no. comma; here", "one, two"),
]


@pytest.mark.parametrize(("name", "arguments", "follows", "does_not"), CASES)
def test_each_kind_tells_following_from_not(
    name: str, arguments: dict[str, Any], follows: str, does_not: str
) -> None:
    gold = [{"id": name, "arguments": arguments}]
    assert complaint("instructions", gold) == ""
    assert score("instructions", follows, gold).correct
    told = score("instructions", does_not, gold)
    assert (told.correct, told.value, told.notes) == (False, 0.0, {"wrong": [name]})
    assert not score("instructions", "  \n", gold).correct


def test_every_kind_has_a_case() -> None:
    assert {name for name, *_ in CASES} == set(CHECKS)


def test_all_instructions_of_a_prompt_count() -> None:
    gold = [
        {"id": "punctuation:no_comma", "arguments": {}},
        {"id": "en:startend:quotation"},
    ]
    assert score("instructions", '"both"', gold).correct
    half = score("instructions", "one", gold)
    assert (half.correct, half.value) == (False, 0.5)
    assert half.detail == "not followed: en:startend:quotation"


@pytest.mark.parametrize(
    ("gold", "said"),
    [
        ("no list", "must be a list of instructions"),
        ([], "must be a list of instructions"),
        ([{"arguments": {}}], "must be a list of instructions"),
        ([{"id": "keywords:unheard_of"}], "there is no instruction"),
        ([{"id": "keywords:existence"}], "`keywords` must be a list of texts"),
        (
            [{"id": "keywords:frequency",
              "arguments": {"keyword": "x", "frequency": 1, "relation": "exactly"}}],
            "`relation` must be one of",
        ),
        ([{"id": "language:response_language", "arguments": {"language": "xx"}}], "'xx'"),
    ],
)  # fmt: skip
def test_what_cannot_be_checked_is_refused_beforehand(gold: object, said: str) -> None:
    assert said in complaint("instructions", gold)


def test_ids_of_editions_with_a_language_are_known() -> None:
    assert plain_id("en:punctuation:no_comma") == "punctuation:no_comma"
    assert plain_id("punctuation:no_comma") == "punctuation:no_comma"


def test_every_instruction_of_ifeval_is_known() -> None:
    lines = shared("data", "suites", "ifeval", "input_data.jsonl").read_bytes().splitlines()
    assert len(lines) == 541
    for line in lines:
        row = msgspec.json.decode(line)
        gold = [
            {"id": name, "arguments": {k: v for k, v in told.items() if v is not None}}
            for name, told in zip(row["instruction_id_list"], row["kwargs"], strict=True)
        ]
        assert complaint("instructions", gold) == "", row["key"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Hello world. How are you? Fine!", 3),
        ("1. First item\n2. Second item.", 1),
        ("He paid $3.50. Then he left", 2),
        ("No stop", 1),
        ("Dr. Lee, e.g. of the U.S. army, agreed.", 1),
        ("I am I. You are you.", 2),
        ("A heading\n\nA paragraph.", 2),
        ("It was 5 p.m. Nobody knew why.", 2),
        ("...", 0),
        ("", 0),
        ("今日は晴れです。明日は雨です。", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(sentences(text)) == count


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("hi", "यह एक अच्छा दिन है और मैं खुश हूँ।"),
        ("mr", "हा एक चांगला दिवस आहे आणि मी आनंदी आहे."),
        ("ne", "यो एक राम्रो दिन हो र म खुसी छु।"),
        ("ru", "Это хороший день и я счастлив"),
        ("bg", "Това е хубав ден и аз съм щастлив"),  # noqa: RUF001
        ("uk", "Це гарний день і я щаслива"),  # noqa: RUF001
        ("sw", "Hii ni siku nzuri na nina furaha sana"),
        ("fi", "Tämä on hyvä päivä ja olen iloinen"),
        ("fa", "این یک روز خوب است و من خوشحالم"),
        ("ur", "یہ ایک اچھا دن ہے اور میں خوش ہوں"),
        ("ar", "هذا يوم جيد وأنا سعيد"),
        ("pt", "Não é um dia ruim e eu estou feliz"),
        ("en", "THIS IS A GOOD DAY"),
        ("vi", "Đây là một ngày tốt lành"),
        ("ko", "오늘은 좋은 날입니다"),
        ("th", "วันนี้เป็นวันที่ดี"),
        ("kn", "ಇದು ಒಳ್ಳೆಯ ದಿನ"),
        ("ta", "இது ஒரு நல்ல நாள்"),
    ],
)
def test_a_language_is_told_from_the_others(language: str, text: str) -> None:
    assert is_in(text, language)
    others = ["hi", "mr", "ne", "ru", "bg", "uk", "sw", "fi", "fa", "ur", "ar", "pt", "en", "vi"]
    assert not any(is_in(text, other) for other in others if other != language)
