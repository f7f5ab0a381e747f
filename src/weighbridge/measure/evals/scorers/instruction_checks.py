"""The kinds of checkable instructions, each a rule with the arguments that it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weighbridge.measure.evals.languages import is_in, known
from weighbridge.measure.evals.scorers.sentences import sentences

Arguments = Mapping[str, Any]

RELATIONS = ("at least", "less than")
_FINAL_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_HIGHLIGHT = re.compile(r"\*\*([^\n*]*)\*\*|\*([^\n*]*)\*")
_BULLET = re.compile(r"^\s*(?:\*[^*].*|-.*)$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\[[^\]]*\]")
_TITLE = re.compile(r"<<([^\n]+?)>>")
_FENCE = re.compile(r"\A```(?:json|Json|JSON)?\s*|\s*```\Z")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_WORD = re.compile(r"\w+")
_FIRST_WORD = re.compile(r"[^\s.,?!'\"]+")


@dataclass(frozen=True, slots=True)
class Check:
    """A kind of instruction.

    Attributes:
        rule: whether a text follows it.
        needs: its arguments, by name, and of what type each is.
    """

    rule: Callable[[str, Arguments], bool]
    needs: Mapping[str, type]

    def holds(self, text: str, arguments: Arguments) -> bool:
        """Whether ``text`` follows the instruction."""
        return self.rule(text, arguments)

    def complaint(self, arguments: Arguments) -> str:
        """What is wrong with the arguments, or nothing."""
        for name, kind in self.needs.items():
            told = arguments.get(name)
            if not isinstance(told, kind) or isinstance(told, bool):
                return f"`{name}` must be a {_KINDS[kind]}"
            if name.endswith("relation") and told not in RELATIONS:
                return f"`{name}` must be one of: {', '.join(RELATIONS)}"
            if name == "language" and not known(str(told)):
                return f"texts cannot be checked for the language {told!r}"
        return ""


_KINDS = {int: "whole number", str: "text", list: "list of texts"}


def plain_id(name: str) -> str:
    """``keywords:existence`` for ``en:keywords:existence``: some editions put a language first."""
    language, colon, rest = name.partition(":")
    return rest if colon and len(language) == 2 and ":" in rest else name


def _equals(count: int, wanted: int) -> bool:
    return count == wanted


def _meets(count: int, relation: str, wanted: int) -> bool:
    return count >= wanted if relation == "at least" else count < wanted


# -- Words and letters ---------------------------------------------------------------------------


def _has_keywords(text: str, arguments: Arguments) -> bool:
    return all(word.lower() in text.lower() for word in arguments["keywords"])


def _keyword_frequency(text: str, arguments: Arguments) -> bool:
    count = text.lower().count(arguments["keyword"].lower())
    return _meets(count, arguments["relation"], arguments["frequency"])


def _has_no_forbidden(text: str, arguments: Arguments) -> bool:
    return not any(
        re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE)
        for word in arguments["forbidden_words"]
    )


def _letter_frequency(text: str, arguments: Arguments) -> bool:
    count = text.lower().count(arguments["letter"].lower())
    return _meets(count, arguments["let_relation"], arguments["let_frequency"])


def _capital_words(text: str, arguments: Arguments) -> bool:
    count = sum(word.isupper() for word in re.findall(r"[\w'\u2019-]+", text))
    return _meets(count, arguments["capital_relation"], arguments["capital_frequency"])


# -- Lengths -------------------------------------------------------------------------------------


def _words(text: str, arguments: Arguments) -> bool:
    return _meets(len(_WORD.findall(text)), arguments["relation"], arguments["num_words"])


def _sentences(text: str, arguments: Arguments) -> bool:
    return _meets(len(sentences(text)), arguments["relation"], arguments["num_sentences"])


def _divided_paragraphs(text: str, arguments: Arguments) -> bool:
    parts = [part.strip() for part in _DIVIDER.split(text)]
    if not all(parts[1:-1]):
        return False
    return _equals(sum(map(bool, parts)), arguments["num_paragraphs"])


def _first_word_of_paragraph(text: str, arguments: Arguments) -> bool:
    parts = re.split(r"\n\n", text)
    nth = arguments["nth_paragraph"]
    if not 1 <= nth <= len(parts) or not parts[nth - 1].strip():
        return False
    if sum(bool(part.strip()) for part in parts) != arguments["num_paragraphs"]:
        return False
    word = _FIRST_WORD.search(parts[nth - 1].split()[0].lstrip("'\""))
    return word is not None and word[0].lower() == str(arguments["first_word"]).lower()


# -- Formats -------------------------------------------------------------------------------------


def _bullets(text: str, arguments: Arguments) -> bool:
    return _equals(len(_BULLET.findall(text)), arguments["num_bullets"])


def _highlights(text: str, arguments: Arguments) -> bool:
    marked = [both or one for both, one in _HIGHLIGHT.findall(text)]
    count = sum(bool(words.strip()) for words in marked)
    return _meets(count, "at least", arguments["num_highlights"])


def _sections(text: str, arguments: Arguments) -> bool:
    mark = rf"\s?{re.escape(arguments['section_spliter'])}\s?\d+\s?"
    return _meets(len(re.findall(mark, text)), "at least", arguments["num_sections"])


def _placeholders(text: str, arguments: Arguments) -> bool:
    return _meets(len(_PLACEHOLDER.findall(text)), "at least", arguments["num_placeholders"])


def _postscript(text: str, arguments: Arguments) -> bool:
    told = arguments["postscript_marker"].strip()
    letters = [letter for letter in told if letter.isalpha()]
    if set(told.upper()) <= set("PS. ") and letters:
        # P.S., P. S. and p.s. are one mark; the last full stop is part of P.S. but not of P.P.S.
        marker = r"\.\s?".join(letters) + (r"\." if len(letters) == 2 else "")
    else:
        marker = re.escape(told)
    return re.search(marker, text, re.IGNORECASE) is not None


def _is_json(text: str, _: Arguments) -> bool:
    try:
        json.loads(_FENCE.sub("", text.strip()).strip())
    except (ValueError, RecursionError):
        return False
    return True


def _has_title(text: str, _: Arguments) -> bool:
    return any(title.strip() for title in _TITLE.findall(text))


def _final_answer(text: str, _: Arguments) -> bool:
    return any(answer in text for answer in _FINAL_ANSWERS)


def _two_responses(text: str, _: Arguments) -> bool:
    parts = [part.strip() for part in text.split("******")]
    if not all(parts[1:-1]):
        return False
    told = [part for part in parts if part]
    return len(told) == 2 and told[0] != told[1]


def _repeats_prompt(text: str, arguments: Arguments) -> bool:
    return text.strip().lower().startswith(str(arguments["prompt_to_repeat"]).strip().lower())


def _ends_with(text: str, arguments: Arguments) -> bool:
    told = text.strip().strip('"').lower()
    return told.endswith(str(arguments["end_phrase"]).strip().lower())


def _quoted(text: str, _: Arguments) -> bool:
    told = text.strip()
    return len(told) > 1 and told[0] == told[-1] == '"'


# -- Case, punctuation, language -----------------------------------------------------------------


def _no_comma(text: str, _: Arguments) -> bool:
    return "," not in text


def _all_capitals(text: str, _: Arguments) -> bool:
    return text.isupper() and is_in(text, "en")


def _all_lowercase(text: str, _: Arguments) -> bool:
    return text.islower() and is_in(text, "en")


def _in_language(text: str, arguments: Arguments) -> bool:
    return is_in(text, arguments["language"])


CHECKS: dict[str, Check] = {
    "keywords:existence": Check(_has_keywords, {"keywords": list}),
    "keywords:frequency": Check(
        _keyword_frequency, {"keyword": str, "frequency": int, "relation": str}
    ),
    "keywords:forbidden_words": Check(_has_no_forbidden, {"forbidden_words": list}),
    "keywords:letter_frequency": Check(
        _letter_frequency, {"letter": str, "let_frequency": int, "let_relation": str}
    ),
    "language:response_language": Check(_in_language, {"language": str}),
    "length_constraints:number_sentences": Check(
        _sentences, {"num_sentences": int, "relation": str}
    ),
    "length_constraints:number_paragraphs": Check(_divided_paragraphs, {"num_paragraphs": int}),
    "length_constraints:number_words": Check(_words, {"num_words": int, "relation": str}),
    "length_constraints:nth_paragraph_first_word": Check(
        _first_word_of_paragraph,
        {"num_paragraphs": int, "nth_paragraph": int, "first_word": str},
    ),
    "detectable_content:number_placeholders": Check(_placeholders, {"num_placeholders": int}),
    "detectable_content:postscript": Check(_postscript, {"postscript_marker": str}),
    "detectable_format:number_bullet_lists": Check(_bullets, {"num_bullets": int}),
    "detectable_format:constrained_response": Check(_final_answer, {}),
    "detectable_format:number_highlighted_sections": Check(_highlights, {"num_highlights": int}),
    "detectable_format:multiple_sections": Check(
        _sections, {"section_spliter": str, "num_sections": int}
    ),
    "detectable_format:json_format": Check(_is_json, {}),
    "detectable_format:title": Check(_has_title, {}),
    "combination:two_responses": Check(_two_responses, {}),
    "combination:repeat_prompt": Check(_repeats_prompt, {"prompt_to_repeat": str}),
    "startend:end_checker": Check(_ends_with, {"end_phrase": str}),
    "startend:quotation": Check(_quoted, {}),
    "change_case:capital_word_frequency": Check(
        _capital_words, {"capital_frequency": int, "capital_relation": str}
    ),
    "change_case:english_capital": Check(_all_capitals, {}),
    "change_case:english_lowercase": Check(_all_lowercase, {}),
    "punctuation:no_comma": Check(_no_comma, {}),
}
