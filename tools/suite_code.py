# ruff: noqa: E501, ISC004 -- mostly texts, which are easier to read unbroken
"""Thirty functions to write: what each must do, tests of it, and one way to do it."""

from __future__ import annotations

import textwrap
from typing import Any

SETTINGS: dict[str, Any] = {
    "name": "code",
    "description": "Thirty small Python functions from a description, with functional tests.",
    "prompt": (
        "Write a Python function as described. Answer with one code block that has the whole "
        "function with its imports, and nothing else.\n\n{task}\n\nIts first line:\n\n"
        "```python\n{signature}\n```"
    ),
    "scorer": "code",
    "max_tokens": 768,
    "source": "written for Weighbridge; see tools/suite_code.py",
    "license": "Apache-2.0",
}

# Signature; what it must do; assertions; a body that does it.
TASKS: tuple[tuple[str, str, str, str], ...] = (
    (
        "def run_lengths(text: str) -> list[tuple[str, int]]:",
        "Runs of equal characters in order, each with its length.",
        "run_lengths('aabccc') == [('a', 2), ('b', 1), ('c', 3)]; run_lengths('') == []; "
        "run_lengths('zz') == [('z', 2)]; run_lengths('aba') == [('a', 1), ('b', 1), ('a', 1)]",
        "from itertools import groupby\nreturn [(k, len(list(g))) for k, g in groupby(text)]",
    ),
    (
        "def merge_spans(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:",
        "Merge half-open spans (start, end) that overlap or touch; return them sorted. Spans with "
        "end <= start are empty and vanish.",
        "merge_spans([(5, 7), (1, 3), (3, 4)]) == [(1, 4), (5, 7)]; merge_spans([]) == []; "
        "merge_spans([(2, 2), (4, 3)]) == []; merge_spans([(1, 9), (2, 3)]) == [(1, 9)]; "
        "merge_spans([(0, 1), (2, 3)]) == [(0, 1), (2, 3)]",
        "out = []\nfor a, b in sorted(s for s in spans if s[0] < s[1]):\n    if out and a <= out[-1][1]:\n"
        "        out[-1] = (out[-1][0], max(b, out[-1][1]))\n    else:\n        out.append((a, b))\nreturn out",
    ),
    (
        "def roman(number: int) -> str:",
        "A whole number from 1 to 3999 as a Roman numeral; ValueError for any other.",
        "roman(1) == 'I'; roman(4) == 'IV'; roman(1994) == 'MCMXCIV'; roman(3999) == 'MMMCMXCIX'; "
        "raises(ValueError, roman, 0); raises(ValueError, roman, 4000)",
        "if not 1 <= number <= 3999:\n    raise ValueError(number)\nout = ''\n"
        "for v, s in ((1000,'M'),(900,'CM'),(500,'D'),(400,'CD'),(100,'C'),(90,'XC'),(50,'L'),"
        "(40,'XL'),(10,'X'),(9,'IX'),(5,'V'),(4,'IV'),(1,'I')):\n    while number >= v:\n"
        "        out += s\n        number -= v\nreturn out",
    ),
    (
        "def balanced(text: str) -> bool:",
        "Whether the brackets ()[]{} in a text match; other characters do not matter.",
        "balanced('a(b[c]{d})'); not balanced('(]'); not balanced('(('); not balanced(')('); balanced('')",
        "stack = []\npairs = {')': '(', ']': '[', '}': '{'}\nfor c in text:\n    if c in '([{':\n"
        "        stack.append(c)\n    elif c in pairs and (not stack or stack.pop() != pairs[c]):\n"
        "        return False\nreturn not stack",
    ),
    (
        "def top_words(text: str, count: int) -> list[str]:",
        "The `count` most frequent words in lower case; a word is a run of letters a to z in either "
        "case. Of equally frequent ones, the alphabetically first comes first.",
        "top_words('b a B c', 2) == ['b', 'a']; top_words('', 3) == []; "
        "top_words('x1x y-y', 5) == ['x', 'y']; top_words('one two', 0) == []",
        "import re\nfrom collections import Counter\nc = Counter(re.findall('[a-z]+', text.lower()))\n"
        "return sorted(c, key=lambda w: (-c[w], w))[:count]",
    ),
    (
        "def rotate(rows: list[list[int]]) -> list[list[int]]:",
        "A matrix turned clockwise by a quarter; an empty one stays empty.",
        "rotate([[1, 2], [3, 4]]) == [[3, 1], [4, 2]]; rotate([[1, 2, 3]]) == [[1], [2], [3]]; rotate([]) == []",
        "return [list(column) for column in zip(*rows[::-1])]",
    ),
    (
        "def digits_sum_to_one(number: int) -> int:",
        "Add the decimal digits of a number that is not negative, again and again, until one digit "
        "is left.",
        "digits_sum_to_one(0) == 0; digits_sum_to_one(38) == 2; digits_sum_to_one(999999) == 9; "
        "digits_sum_to_one(10 ** 30) == 1",
        "while number > 9:\n    number = sum(map(int, str(number)))\nreturn number",
    ),
    (
        "def is_anagram(a: str, b: str) -> bool:",
        "Whether two texts have the same letters equally often, whatever their case; only letters "
        "count.",
        "is_anagram('Dormitory', 'dirty room!'); not is_anagram('aab', 'abb'); is_anagram('', ' .')",
        "f = lambda t: sorted(c for c in t.lower() if c.isalpha())\nreturn f(a) == f(b)",
    ),
    (
        "def chunk(values: list, size: int) -> list[list]:",
        "Split a list into lists of `size`, the last one shorter if need be; ValueError if size is "
        "less than 1.",
        "chunk([1, 2, 3], 2) == [[1, 2], [3]]; chunk([], 4) == []; chunk([1], 9) == [[1]]; "
        "raises(ValueError, chunk, [1], 0)",
        "if size < 1:\n    raise ValueError(size)\nreturn [values[i:i + size] for i in range(0, len(values), size)]",
    ),
    (
        "def flatten(values: list) -> list:",
        "All that is in nested lists, in order, in one list; only lists are opened.",
        "flatten([1, [2, [3, []], 'ab']]) == [1, 2, 3, 'ab']; flatten([]) == []; flatten([(1, 2)]) == [(1, 2)]",
        "out = []\nfor v in values:\n    if isinstance(v, list):\n        out += flatten(v)\n    else:\n"
        "        out.append(v)\nreturn out",
    ),
    (
        "def primes_below(limit: int) -> list[int]:",
        "All primes below a limit, in order.",
        "primes_below(2) == []; primes_below(3) == [2]; primes_below(30) == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]; "
        "len(primes_below(10000)) == 1229",
        "sieve = [True] * max(limit, 2)\nout = []\nfor n in range(2, limit):\n    if sieve[n]:\n        out.append(n)\n"
        "        for m in range(n * n, limit, n):\n            sieve[m] = False\nreturn out",
    ),
    (
        "def caesar(text: str, shift: int) -> str:",
        "Letters a to z and A to Z moved by `shift` places in the alphabet, which wraps around; "
        "other characters stay. The shift may be negative.",
        "caesar('abz', 1) == 'bca'; caesar('Hi, Z!', 27) == 'Ij, A!'; caesar(caesar('Xy', 5), -5) == 'Xy'; caesar('é', 3) == 'é'",
        "out = ''\nfor c in text:\n    if c.isascii() and c.isalpha():\n        base = 65 if c.isupper() else 97\n"
        "        c = chr((ord(c) - base + shift) % 26 + base)\n    out += c\nreturn out",
    ),
    (
        "def longest_increasing(values: list[int]) -> int:",
        "The length of the longest strictly increasing subsequence, which need not be contiguous.",
        "longest_increasing([10, 9, 2, 5, 3, 7, 101, 18]) == 4; longest_increasing([]) == 0; "
        "longest_increasing([3, 3, 3]) == 1; longest_increasing(list(range(2000))) == 2000",
        "from bisect import bisect_left\ntails = []\nfor v in values:\n    i = bisect_left(tails, v)\n"
        "    tails[i:i + 1] = [v]\nreturn len(tails)",
    ),
    (
        "def parse_duration(text: str) -> int:",
        "Seconds in a duration such as '1h 5m' or '90s': parts of a whole number and one of d, h, m, "
        "s, in any order, each unit at most once, with or without spaces between. ValueError for "
        "anything else, also for an empty text.",
        "parse_duration('1h 5m') == 3900; parse_duration('90s') == 90; parse_duration('2d3s') == 172803; "
        "raises(ValueError, parse_duration, ''); raises(ValueError, parse_duration, '5'); "
        "raises(ValueError, parse_duration, '1h1h'); raises(ValueError, parse_duration, '1.5h')",
        "import re\nif not re.fullmatch(r'\\s*(?:\\d+[dhms]\\s*)+', text):\n    raise ValueError(text)\n"
        "parts = re.findall(r'(\\d+)([dhms])', text)\nunits = [u for _, u in parts]\n"
        "if len(set(units)) != len(units):\n    raise ValueError(text)\n"
        "return sum(int(n) * {'d': 86400, 'h': 3600, 'm': 60, 's': 1}[u] for n, u in parts)",
    ),
    (
        "def topological(needs: dict[str, list[str]]) -> list[str]:",
        "Tasks in an order in which each stands after all that it needs; of those that may come "
        "next, the alphabetically first. Needed tasks that are no keys need nothing. ValueError if "
        "there is a circle.",
        "topological({'b': ['a'], 'c': ['b']}) == ['a', 'b', 'c']; topological({}) == []; "
        "topological({'z': [], 'a': ['z'], 'b': []}) == ['b', 'z', 'a']; "
        "raises(ValueError, topological, {'a': ['b'], 'b': ['a']})",
        "left = {k: set(v) for k, v in needs.items()}\nfor v in needs.values():\n    for n in v:\n"
        "        left.setdefault(n, set())\nout = []\nwhile left:\n    free = sorted(k for k, v in left.items() if not v)\n"
        "    if not free:\n        raise ValueError('circle')\n    out.append(free[0])\n    del left[free[0]]\n"
        "    for v in left.values():\n        v.discard(free[0])\nreturn out",
    ),
    (
        "def binary_search(values: list[int], wanted: int) -> int:",
        "The first index of a number in a sorted list, or -1 if it is not there. It must be fast for "
        "long lists.",
        "binary_search([1, 2, 2, 3], 2) == 1; binary_search([], 5) == -1; binary_search([1, 3], 2) == -1; "
        "binary_search(range(10 ** 12), 77) == 77",
        "lo, hi = 0, len(values)\nwhile lo < hi:\n    mid = (lo + hi) // 2\n    if values[mid] < wanted:\n"
        "        lo = mid + 1\n    else:\n        hi = mid\nreturn lo if lo < len(values) and values[lo] == wanted else -1",
    ),
    (
        "def spiral(rows: list[list[int]]) -> list[int]:",
        "The numbers of a matrix in the order of a spiral: from the top left to the right, then "
        "down, to the left, up, and so on inwards.",
        "spiral([[1, 2, 3], [4, 5, 6], [7, 8, 9]]) == [1, 2, 3, 6, 9, 8, 7, 4, 5]; spiral([]) == []; "
        "spiral([[1], [2], [3]]) == [1, 2, 3]; spiral([[1, 2], [3, 4]]) == [1, 2, 4, 3]",
        "out = []\nrows = [list(r) for r in rows]\nwhile rows:\n    out += rows.pop(0)\n"
        "    rows = [list(c) for c in zip(*rows)][::-1]\nreturn out",
    ),
    (
        "def gcd_all(numbers: list[int]) -> int:",
        "The greatest common divisor of all numbers; 0 for an empty list.",
        "gcd_all([12, 18, 30]) == 6; gcd_all([]) == 0; gcd_all([0, 5]) == 5; gcd_all([-4, 6]) == 2",
        "import math\nreturn math.gcd(*numbers)",
    ),
    (
        "def snake_case(name: str) -> str:",
        "A name in camel case as snake case: 'parseURLPath' becomes 'parse_url_path'. A run of "
        "capitals is one word, its last capital beginning the next word if a small letter follows.",
        "snake_case('parseURLPath') == 'parse_url_path'; snake_case('X') == 'x'; "
        "snake_case('HTMLParser') == 'html_parser'; snake_case('already_snake') == 'already_snake'",
        "import re\nname = re.sub('([A-Z]+)([A-Z][a-z])', r'\\1_\\2', name)\n"
        "return re.sub('([a-z0-9])([A-Z])', r'\\1_\\2', name).lower()",
    ),
    (
        "def change(amount: int, coins: list[int]) -> int | None:",
        "The fewest coins that make up an amount, each coin to be had any number of times; None if "
        "it cannot be done; 0 for the amount 0.",
        "change(11, [1, 2, 5]) == 3; change(3, [2]) is None; change(0, [7]) == 0; change(6, [1, 3, 4]) == 2",
        "best = [0] + [None] * amount\nfor a in range(1, amount + 1):\n"
        "    found = [best[a - c] for c in coins if c <= a and best[a - c] is not None]\n"
        "    best[a] = min(found) + 1 if found else None\nreturn best[amount]",
    ),
    (
        "def version_key(text: str) -> tuple:",
        "A key by which version texts such as '1.10.0' sort by their numbers: 1.9 before 1.10, and "
        "1.0 equal to 1.0.0.",
        "sorted(['1.10', '1.9', '1.2.3'], key=version_key) == ['1.2.3', '1.9', '1.10']; "
        "version_key('1.0') == version_key('1.0.0'); version_key('0') < version_key('0.0.1')",
        "parts = [int(p) for p in text.split('.')]\nwhile parts and parts[-1] == 0:\n    parts.pop()\nreturn tuple(parts)",
    ),
    (
        "def islands(grid: list[str]) -> int:",
        "How many islands a map has: groups of '#' that touch by their sides; all else is water.",
        "islands(['#.#', '...', '##.']) == 3; islands([]) == 0; islands(['##', '##']) == 1; islands(['#.', '.#']) == 2",
        "land = {(y, x) for y, r in enumerate(grid) for x, c in enumerate(r) if c == '#'}\ncount = 0\n"
        "while land:\n    count += 1\n    todo = [land.pop()]\n    while todo:\n        y, x = todo.pop()\n"
        "        for n in ((y+1,x),(y-1,x),(y,x+1),(y,x-1)):\n            if n in land:\n"
        "                land.remove(n)\n                todo.append(n)\nreturn count",
    ),
    (
        "def wrap(text: str, width: int) -> list[str]:",
        "Words in lines of at most `width` characters, as many in each line as fit; a word that is "
        "longer has a line of its own. Any white space separates words.",
        "wrap('a bb  ccc d', 4) == ['a bb', 'ccc', 'd']; wrap('', 3) == []; wrap('toolong x', 3) == ['toolong', 'x']; "
        "wrap('aa bb', 5) == ['aa bb']",
        "lines = []\nfor w in text.split():\n    if lines and len(lines[-1]) + 1 + len(w) <= width:\n"
        "        lines[-1] += ' ' + w\n    else:\n        lines.append(w)\nreturn lines",
    ),
    (
        "def median(values: list[float]) -> float:",
        "The median; of an even number of values the mean of the middle two. ValueError for none. "
        "The list given stays as it was.",
        "median([3, 1, 2]) == 2; median([4, 1, 3, 2]) == 2.5; raises(ValueError, median, []); "
        "(lambda v: (median(v), v))([3, 1, 2])[1] == [3, 1, 2]",
        "if not values:\n    raise ValueError('none')\nv = sorted(values)\nm = len(v) // 2\n"
        "return v[m] if len(v) % 2 else (v[m - 1] + v[m]) / 2",
    ),
    (
        "def subsets_with_sum(values: list[int], wanted: int) -> int:",
        "In how many ways some of the values, each used at most once, add up to `wanted`; values at "
        "different places are different. Choosing none is a way to get 0.",
        "subsets_with_sum([1, 2, 3], 3) == 2; subsets_with_sum([], 0) == 1; subsets_with_sum([1, 1], 1) == 2; "
        "subsets_with_sum([2], 1) == 0; subsets_with_sum([-1, 1], 0) == 2; subsets_with_sum([1] * 40, 20) == 137846528820",
        "from collections import Counter\nways = Counter({0: 1})\nfor v in values:\n    new = Counter(ways)\n"
        "    for s, n in ways.items():\n        new[s + v] += n\n    ways = new\nreturn ways[wanted]",
    ),
    (
        "def edit_distance(a: str, b: str) -> int:",
        "The fewest insertions, deletions and replacements of single characters that turn one text "
        "into the other.",
        "edit_distance('kitten', 'sitting') == 3; edit_distance('', 'abc') == 3; edit_distance('same', 'same') == 0; "
        "edit_distance('ab', 'ba') == 2",
        "row = list(range(len(b) + 1))\nfor i, x in enumerate(a, 1):\n    old, row[0] = row[0], i\n"
        "    for j, y in enumerate(b, 1):\n        old, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, old + (x != y))\n"
        "return row[-1]",
    ),
    (
        "def csv_line(text: str) -> list[str]:",
        "The fields of one CSV line: separated by commas; a field in double quotes may hold commas, "
        "and two double quotes in it stand for one.",
        "csv_line('a,b') == ['a', 'b']; csv_line('\"a,b\",c') == ['a,b', 'c']; csv_line('\"x\"\"y\"') == ['x\"y']; "
        "csv_line('') == ['']; csv_line(',') == ['', '']",
        "out, field, quoted, i = [], '', False, 0\nwhile i < len(text):\n    c = text[i]\n    if quoted:\n"
        "        if c == '\"' and text[i + 1:i + 2] == '\"':\n            field += '\"'\n            i += 1\n"
        "        elif c == '\"':\n            quoted = False\n        else:\n            field += c\n"
        "    elif c == '\"':\n        quoted = True\n    elif c == ',':\n        out.append(field)\n        field = ''\n"
        "    else:\n        field += c\n    i += 1\nreturn out + [field]",
    ),
    (
        "def moving_average(values: list[float], window: int) -> list[float]:",
        "Means of each `window` neighbouring values; none if there are fewer values. ValueError if "
        "the window is less than 1.",
        "moving_average([1, 2, 3, 4], 2) == [1.5, 2.5, 3.5]; moving_average([1], 2) == []; "
        "moving_average([5], 1) == [5]; raises(ValueError, moving_average, [1], 0)",
        "if window < 1:\n    raise ValueError(window)\n"
        "return [sum(values[i:i + window]) / window for i in range(len(values) - window + 1)]",
    ),
    (
        "def evaluate(text: str) -> int:",
        "The value of a sum, difference or product of whole numbers with brackets and spaces, such "
        "as '2 * (3 + 4) - 1'; * binds more strongly. The text is always well formed. Do not use "
        "eval or exec.",
        "evaluate('2 * (3 + 4) - 1') == 13; evaluate('7') == 7; evaluate('1-2-3') == -4; evaluate('2*3*4') == 24; "
        "evaluate('((5))') == 5",
        "import re\ntokens = re.findall(r'\\d+|[-+*()]', text)[::-1]\ndef product():\n    v = atom()\n"
        "    while tokens and tokens[-1] == '*':\n        tokens.pop()\n        v *= atom()\n    return v\n"
        "def total():\n    v = product()\n    while tokens and tokens[-1] in '+-':\n"
        "        v = v + product() if tokens.pop() == '+' else v - product()\n    return v\n"
        "def atom():\n    t = tokens.pop()\n    if t == '(':\n        v = total()\n        tokens.pop()\n        return v\n"
        "    return int(t)\nreturn total()",
    ),
    (
        "def shortest_path(maze: list[str]) -> int | None:",
        "The fewest steps from S to E in a maze, up, down, left or right; '#' is a wall. None if "
        "there is no way.",
        "shortest_path(['S.E']) == 2; shortest_path(['S#E']) is None; shortest_path(['S#.', '.#E', '...']) == 5; "
        "shortest_path(['SE']) == 1",
        "cells = {(y, x): c for y, r in enumerate(maze) for x, c in enumerate(r) if c != '#'}\n"
        "edge = [p for p, c in cells.items() if c == 'S']\nseen, steps = set(edge), 0\nwhile edge:\n    new = []\n"
        "    for y, x in edge:\n        if cells[y, x] == 'E':\n            return steps\n"
        "        for n in ((y+1,x),(y-1,x),(y,x+1),(y,x-1)):\n            if n in cells and n not in seen:\n"
        "                seen.add(n)\n                new.append(n)\n    edge, steps = new, steps + 1\nreturn None",
    ),
)

_RAISES = """\
def raises(error, function, *arguments):
    try:
        function(*arguments)
    except error:
        return True
    return False

"""


def items() -> list[dict[str, Any]]:
    """The functions with their tests and solutions."""
    return [_item(*task) for task in TASKS]


def _item(signature: str, task: str, checks: str, body: str) -> dict[str, Any]:
    name = signature.partition("(")[0].removeprefix("def ")
    lines = "\n".join(f"    assert {check.strip()}" for check in _split(checks))
    tests = lines.replace(f"{name}(", "candidate(").replace(f" {name},", " candidate,")
    tests = tests.replace(f"key={name})", "key=candidate)")
    return {
        "id": name,
        "task": task,
        "signature": signature,
        "entry_point": name,
        "test": f"{_RAISES}\ndef check(candidate):\n{tests}\n",
        "solution": f"{signature}\n{textwrap.indent(body, '    ')}\n",
    }


def _split(checks: str) -> list[str]:
    return checks.split("; ")
