"""Which language a text is written in, by its script and its commonest words; often: unknown.

Meant for routing between models, not for linguistics: a short text, or one of a language that is
not listed, has no language here rather than a wrong one.
"""

from __future__ import annotations

import re

_SAMPLE = 600  # characters looked at
_LEAST_LETTERS = 4
_LEAST_WORDS = 2  # "12 plus 3" is not French
_SHARE = 0.3  # of the letters, for a script to decide; Latin names stand in any text
_LEAD = 1.5  # a language's words must stand so many times as often as the next one's

_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # Kana and Hangul before Han, which Japanese and Korean use as well.
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile(r"[\u4e00-\u9fff\u3400-\u4dbf]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("ka", re.compile(r"[\u10a0-\u10ff]")),
    ("hy", re.compile(r"[\u0530-\u058f]")),
    ("ta", re.compile(r"[\u0b80-\u0bff]")),
    ("te", re.compile(r"[\u0c00-\u0c7f]")),
    ("bn", re.compile(r"[\u0980-\u09ff]")),
)
# Scripts that several large languages share: the letters that only one of them uses decide.
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_ARABIC = re.compile(r"[\u0600-\u06ff]")
_DEVANAGARI = re.compile(r"[\u0900-\u097f]")
_ANY = re.compile("")
_SHARED = (
    (
        _CYRILLIC,
        (
            ("uk", re.compile(r"[\u0457\u0454\u0491]")),
            ("be", re.compile(r"\u045e")),
            ("ru", re.compile(r"[\u044b\u044d]")),
        ),
    ),
    (
        _ARABIC,
        (
            ("ur", re.compile(r"[\u0679\u0688\u0691\u06d2\u06ba]")),
            ("fa", re.compile(r"[\u067e\u0686\u0698\u06af\u06cc\u06a9]")),
            ("ar", _ANY),
        ),
    ),
    (_DEVANAGARI, (("mr", re.compile(r"\u0933")), ("hi", _ANY))),
)
_ASCII_LETTER = re.compile(r"[a-z]")
_NOT_ASCII_LETTER = re.compile(r"[^\W\d_a-z]")
_WORD = re.compile(r"[^\W\d_]+")

_STOP_WORDS = {
    "en": "the of and to in is that it was for on are with as his they at be this have from "
    "or had by what when there can an your which do how if will each about then them "
    "these so would her into has more two you my please write i me does who why where "
    "could should",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als "
    "auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie "
    "einem über wir was ich bitte kann oder aber nur mir wenn haben warum schreibe",
    "fr": "le la les de des et est un une du dans que qui pour pas sur au avec ce il sont "
    "ne se plus par je vous nous mais ou elle cette comme être quel quelle mon peux "
    "écris pourquoi aux",
    "es": "el la los las de que y en un una es por con para no se del al lo como más pero "
    "sus le ya este sí porque esta son entre cuando muy sin sobre qué cómo escribe mi "
    "puedes yo está",
    "it": "il lo la gli le di che e un una per non in con sono del della è da al dei come "
    "più ma si nel alla anche questo quale cosa scrivi perché mi puoi delle essere ha "
    "dal",
    "pt": "o a os as de que e do da em um uma para não com por mais dos como mas ao ele das "
    "se na no é você qual isso escreva meu são pode foi está também seu pela",
    "nl": "de het een van en in is dat op te zijn met voor niet aan er om ook als bij maar "
    "dan ik je hij naar wat hoe deze wordt schrijf kun mijn worden heeft waarom",
    "pl": "w i na z do nie się to jest że o jak po za co od dla ale czy przez ten który są "
    "było jego tylko może proszę mnie napisz jakie dlaczego",
    "tr": "bir ve bu için ile da de ne çok gibi daha olarak olan var kadar mi ama ben sen "
    "değil en yaz neden nedir bana",
    "sv": "och att det i en som är på för av med den till inte om ett men de jag var vad "
    "hur skriv kan från har du varför",
}
_BY_WORD: dict[str, tuple[str, ...]] = {}
for _language, _words in _STOP_WORDS.items():
    for _one in dict.fromkeys(_words.split()):
        _BY_WORD[_one] = (*_BY_WORD.get(_one, ()), _language)


def language(text: str) -> str | None:
    """The ISO 639-1 code of the text's language; None where that cannot be told.

    >>> language("Wie heißt die Hauptstadt von Frankreich?")
    'de'
    >>> language("hm") is None
    True
    """
    sample = text[:_SAMPLE].casefold()
    latin = len(_ASCII_LETTER.findall(sample))
    others = _NOT_ASCII_LETTER.findall(sample)
    if latin + len(others) < _LEAST_LETTERS:
        return None
    if others:
        by_script = _by_script("".join(others), _SHARE * (latin + len(others)))
        if by_script is not None:
            return by_script
    return _by_words(sample) if latin >= _LEAST_LETTERS else None


def _by_script(letters: str, least: float) -> str | None:
    """The language whose script has enough of the letters; for Japanese a tenth are kana."""
    for code, script in _SCRIPTS:
        found = len(script.findall(letters))
        if code == "ja" and found >= 0.1 * len(letters) >= 0.1 * least:
            return code
        if found >= max(1.0, least):
            return code
    for script, by_letter in _SHARED:
        if len(script.findall(letters)) >= least:
            return next((code for code, own in by_letter if own.search(letters)), None)
    return None


def _by_words(sample: str) -> str | None:
    """The language most of whose commonest words stand in the text, if it leads clearly."""
    hits: dict[str, int] = {}
    found = _WORD.findall(sample)
    for word in found:
        for code in _BY_WORD.get(word, ()):
            hits[code] = hits.get(code, 0) + 1
    if not hits:
        return None
    ranked = sorted(hits.items(), key=lambda pair: -pair[1])
    best, count = ranked[0]
    if count < _LEAST_WORDS or count < 0.1 * len(found):
        return None
    if len(ranked) > 1 and count < _LEAD * ranked[1][1]:
        return None
    return best
