# ruff: noqa: RUF001 -- letters of many scripts are what this is about
"""Is a text written in a given language? By its script and its commonest words.

Languages of one script are told apart by letters that only one of them has and by function words.
This checks a claim; it is no identification of any text whatever.
"""

from __future__ import annotations

import re

# Share of the letters that must be of the language's script: names and loanwords stand in any text.
_LEAST_SHARE = 0.5

_SCRIPTS = {
    "latin": r"A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "cyrillic": r"\u0400-\u04ff",
    "arabic": r"\u0600-\u06ff\u0750-\u077f",
    "devanagari": r"\u0900-\u097f",
    "bengali": r"\u0980-\u09ff",
    "gurmukhi": r"\u0a00-\u0a7f",
    "gujarati": r"\u0a80-\u0aff",
    "tamil": r"\u0b80-\u0bff",
    "telugu": r"\u0c00-\u0c7f",
    "kannada": r"\u0c80-\u0cff",
    "malayalam": r"\u0d00-\u0d7f",
    "thai": r"\u0e00-\u0e7f",
    "hangul": r"\uac00-\ud7af\u1100-\u11ff",
    "kana": r"\u3040-\u30ff\u4e00-\u9fff",
    "han": r"\u4e00-\u9fff",
    "greek": r"\u0370-\u03ff",
    "hebrew": r"\u0590-\u05ff",
}
_SCRIPT_OF = {
    "bn": "bengali", "pa": "gurmukhi", "gu": "gujarati", "ta": "tamil", "te": "telugu",
    "kn": "kannada", "ml": "malayalam", "th": "thai", "ko": "hangul", "ja": "kana", "zh": "han",
    "el": "greek", "he": "hebrew",
    "ru": "cyrillic", "uk": "cyrillic", "bg": "cyrillic",
    "ar": "arabic", "fa": "arabic", "ur": "arabic",
    "hi": "devanagari", "mr": "devanagari", "ne": "devanagari",
    "en": "latin", "de": "latin", "fr": "latin", "es": "latin", "pt": "latin", "it": "latin",
    "nl": "latin", "pl": "latin", "fi": "latin", "sw": "latin", "vi": "latin", "sv": "latin",
    "da": "latin", "tr": "latin", "id": "latin", "cs": "latin", "ro": "latin", "hu": "latin",
}  # fmt: skip
# Function words, each of one language alone among those of its script, or nearly so.
_WORDS = {
    "en": "the and of to is that it with for you are this was as be have not on at by from or",
    "de": "der die das und ist nicht ein eine mit auf für von den dem zu sich auch ich es wie",
    "fr": "le les des et est une dans pour que qui pas sur avec ce au du vous nous je plus",
    "es": "el los las y es una para que con por del se no como más pero su al lo está",
    "pt": "o os as e é um uma para que com não por do da em se mais como mas ao são você",
    "it": "il gli e è un una per che con non di della del sono nel come più ma anche si",
    "nl": "de het een en is van niet dat op te zijn met voor aan ook maar bij naar dit",
    "pl": "i w na się nie z do jest to że jak za przez ale od dla który są tak po",
    "fi": "ja on ei se että hän mutta oli ovat kun myös niin tai joka kuin mitä ole sen voi minä",
    "sw": "na ya wa ni kwa katika la za kuwa hii yake cha hiyo wengi kama lakini sana watu pia huu",
    "vi": "và của là một những các được trong cho không có người với này để khi đã bạn như",
    "sv": "och att det är en som på för av med inte den till har ett jag från kan om",
    "da": "og at det er en som på for af med ikke den til har et jeg fra kan om de",
    "tr": "ve bir bu için ile çok da de olarak daha gibi ne var ama en olan kadar ben",
    "id": "dan yang di untuk dengan dari ini itu tidak pada adalah dalam akan ke juga atau saya",
    "cs": "a je se na že to v s z do pro ale jako jsem by které jeho nebo když jsou",
    "ro": "și de la în este nu cu o un pe că se mai din pentru care sunt sau ale",
    "hu": "a az és hogy nem is egy van ez meg csak de volt azt mint még már el vagy",
    "ru": "и в не на что с он как это по но она из у за от так же было я",
    "uk": "і в не на що з він як це по але вона із у за від так та було є",
    "bg": "и в не на че с той като това по но тя от за се да съм са който е",
    "hi": "है के में की और का को से पर यह कि हैं नहीं एक था थी लिए भी ने हूँ",
    "mr": "आहे च्या आणि मध्ये हे आहेत नाही एक होते ते या त्या मी ची आपण तर होता केले साठी काही",
    "ne": "छ को मा र हो छन् भएको गर्न यो पनि थियो लागि एक हुन् गरेको हुन्छ मेरो छैन भने गर्नुहोस्",
    "ar": "في من على إلى أن هذا هو التي الذي مع ما لا عن كان هذه أو كل و ذلك بعد",
    "fa": "در از به که این با است را برای آن می شود یک ها های خود هم بود تا شما",
    "ur": "ہے کے میں کی اور کا کو سے پر یہ کہ ہیں نہیں ایک تھا نے لیے بھی ہو اس",
}  # fmt: skip
_VOCABULARY = {language: frozenset(words.split()) for language, words in _WORDS.items()}
# Letters that tell a language from the others of its script.
_TELLING = {
    "uk": "іїєґ", "ru": "ыэё", "bg": "", "ur": "ٹڈڑےںہ", "fa": "پچژگ", "mr": "ळ",
    "vi": "ạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹđ", "pl": "ąćęłńśźż", "cs": "ěřů",
    "tr": "ığş", "ro": "țș", "hu": "őű",
}  # fmt: skip
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0900-\u0dff])*")
_TELLING_WEIGHT = 2


def known(language: str) -> bool:
    """Whether texts can be checked for this language, by its code of two letters."""
    return language in _SCRIPT_OF


def is_in(text: str, language: str) -> bool:
    """Whether a text is written in ``language``, as far as script and words tell.

    Raises:
        KeyError: the language is not known here.
    """
    script = _SCRIPT_OF[language]
    letters = _LETTER.findall(text)
    mine = re.findall(f"[{_SCRIPTS[script]}]", text)
    if not letters or len(mine) < _LEAST_SHARE * len(letters):
        return False
    if language == "ja":
        return bool(re.search(r"[\u3040-\u30ff]", text))
    if language == "zh":
        return not re.search(r"[\u3040-\u30ff]", text)
    rivals = [name for name, other in _SCRIPT_OF.items() if other == script and name in _VOCABULARY]
    if language not in rivals:
        return True
    words = _WORD.findall(text.lower())
    points = {name: _points(name, words, text.lower()) for name in rivals}
    return points[language] == max(points.values())


def _points(language: str, words: list[str], text: str) -> int:
    vocabulary = _VOCABULARY[language]
    telling = _TELLING.get(language, "")
    return sum(word in vocabulary for word in words) + _TELLING_WEIGHT * sum(
        text.count(letter) for letter in telling
    )
