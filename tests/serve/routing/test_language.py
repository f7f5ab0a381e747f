from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.serve.routing.language import language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("What is the capital of France?", "en"),
        ("What is 12 plus 30?", "en"),
        ("Write a function that returns the sum of two numbers.", "en"),
        ("Wie heißt die Hauptstadt von Frankreich?", "de"),
        ("Quelle est la capitale de la France ?", "fr"),
        ("¿Cuál es la capital de Francia y por qué?", "es"),
        ("Qual è la capitale della Francia e perché?", "it"),
        ("Qual é a capital da França e por que não é Lyon?", "pt"),
        ("Wat is de hoofdstad van het land en hoe groot is deze?", "nl"),
        ("Jakie miasto jest stolicą Polski i dlaczego nie jest to Kraków?", "pl"),
        ("Какой город является столицей, и почему мы это знаем? Вы", "ru"),
        ("Яке місто є столицею України і чому її?", "uk"),  # noqa: RUF001 -- Ukrainian
        ("法国的首都是哪里", "zh"),
        ("フランスの首都はどこですか", "ja"),
        ("프랑스의 수도는 어디입니까", "ko"),
        ("ما هي عاصمة فرنسا", "ar"),
        ("पेरिस किस देश में है", "hi"),
        ("Ποια είναι η πρωτεύουσα;", "el"),
        ("请用 Python 写一个排序函数并解释它的复杂度", "zh"),
    ],
)
def test_language(text: str, code: str) -> None:
    assert language(text) == code


@pytest.mark.parametrize(
    "text",
    ["", "12 + 35 =", "12 plus 3", "ok", "plus", "π", "xqzt brrr flup", "def f(x): x"],
)
def test_what_cannot_be_told_is_unknown(text: str) -> None:
    assert language(text) is None


@given(st.text(max_size=2000))
def test_any_text_has_a_language_or_none(text: str) -> None:
    found = language(text)
    assert found is None or (len(found) == 2 and found.isascii())
