"""Answers as models write them, through the scorers."""

from __future__ import annotations

import asyncio
import shutil
from math import comb
from pathlib import Path
from typing import Any

import pytest

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.measure.evals.pass_at_k import mean_pass_at_k, pass_at_k
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.code import CODE, code_of, whole_program
from weighbridge.measure.evals.scorers.command import COMMAND
from weighbridge.measure.evals.scoring import Answer, Kind, Means, Score, read_options
from weighbridge.measure.sandbox.interpreter import interpreter

_GIVEN = 'def half(x):\n    """Half of x, rounded down."""\n'
_ITEM = Item(
    "1",
    "",
    None,
    {"test": "def check(f):\n    assert f(7) == 3", "entry_point": "half", "given": _GIVEN},
)


def _scored(kind: Kind, options: dict[str, Any], item: Item, *answers: str) -> list[Score]:
    settings = SuiteFile("x", "{q}", "x", options=options)

    async def run() -> list[Score]:
        scorer = kind.make(settings, read_options(kind, settings, "x"), Means())
        try:
            return list(await asyncio.gather(*(scorer.score(item, Answer(a)) for a in answers)))
        finally:
            await scorer.close()

    return asyncio.run(run())


@pytest.mark.usefixtures("sandbox")
def test_answers_in_all_their_clothes() -> None:
    right = [
        "    return x // 2",
        "```python\n    return x // 2\n```",
        "def half(x):\n    return x // 2",
        f"Sure!\n\n```python\n{_GIVEN}    return x // 2\n```\nIt works.",
        "Call:\n```\nhalf(2)\n```\nThe function:\n~~~py\ndef half(x):\n    return x // 2\n~~~",
        "```python\ndef half(x):\n    return x // 2",
    ]
    scores = _scored(CODE, {}, _ITEM, *right, "    return x", "I cannot do that.")
    assert [score.correct for score in scores] == [True] * len(right) + [False, False]
    assert scores[-2].detail.startswith("assertion: assert f(7) == 3; half(7) gave 7")
    assert scores[-1].notes["reason"] == "syntax"


def test_code_is_taken_out_of_fences() -> None:
    assert code_of("plain") == "plain"
    assert code_of("a\n```\nx\n```\nb\n```\ndef f(): 0\n```", "f") == "def f(): 0\n"
    assert code_of("````md\n```\ninner\n```\n````") == "```\ninner\n```\n"
    assert whole_program("", "x = 1", "") == "x = 1"


@pytest.mark.usefixtures("sandbox")
def test_packages_are_shown_where_the_suite_asks() -> None:
    pytest.importorskip("numpy")
    item = Item("1", "", None, {"test": ["import numpy", "assert f().tolist() == [1, 1]"]})
    answer = "import numpy\ndef f(): return numpy.ones(2)"
    (without,) = _scored(CODE, {}, item, answer)
    (shown,) = _scored(CODE, {"packages": ["numpy"], "memory_mib": 1024}, item, answer)
    assert "No module named 'numpy'" in without.detail
    assert shown.correct
    with pytest.raises(InputError, match="no_such_package"):
        _scored(CODE, {"packages": ["no_such_package"]}, item, answer)


@pytest.mark.usefixtures("sandbox")
def test_a_command_judges_files() -> None:
    options = {
        "command": [interpreter().program, "-I", "-S", "run.py"],
        "answer": "answer.txt",
        "files": {
            "run.py": "import sys; sys.exit(open('answer.txt').read() != open('gold').read())"
        },
        "timeout_s": 10,
    }
    item = Item("1", "", None, {"files": {"gold": "42\n"}})
    right, wrong = _scored(COMMAND, options, item, "```\n42\n```", "43")
    assert right.correct
    assert right.notes["reason"] == "passed"
    assert (wrong.correct, wrong.notes["reason"]) == (False, "exit")


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        (CODE, {}, "`test` must be"),
        (CODE, {"test": [1]}, "`test` must be"),
        (CODE, {"test": "x", "entry_point": 3}, "`entry_point`"),
        (COMMAND, {"files": ["x"]}, "`files` must be"),
        (COMMAND, {"files": {"../x": "y"}}, "may not have the path '../x'"),
        (COMMAND, {"files": {"/etc/x": "y"}}, "may not have the path"),
    ],
)
def test_items_that_cannot_be_scored(kind: Kind, fields: dict[str, Any], said: str) -> None:
    options = kind.options() if kind is CODE else kind.options(command=("x",), answer="a")
    assert said in kind.complaint(Item("1", "", None, fields), options)


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (CODE, {"timeout_s": 0}, "above 0"),
        (CODE, {"memory": 3}, "unknown field"),
        (COMMAND, {"command": [], "answer": "a"}, "must name a program"),
        (COMMAND, {"command": ["x"], "answer": "../a"}, "no path below"),
        (COMMAND, {"command": ["x"], "answer": "a", "forbidden": ["("]}, "no regular expression"),
    ],
)
def test_options_that_cannot_be(kind: Kind, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_options(kind, SuiteFile("x", "", "x", options=options), str(Path("suite.yaml")))


def test_pass_at_k_is_the_share_of_draws_with_a_right_one() -> None:
    assert pass_at_k(5, 2, 1) == pytest.approx(0.4)
    assert pass_at_k(5, 2, 2) == pytest.approx(1 - 3 / 10)
    assert pass_at_k(5, 5, 5) == 1.0
    assert pass_at_k(5, 0, 5) == 0.0
    assert mean_pass_at_k([(5, 2), (4, 0)], 1) == pytest.approx(0.2)
    assert mean_pass_at_k([(5, 2), (1, 1)], 2) is None
    assert mean_pass_at_k([], 1) is None
    with pytest.raises(ValueError, match="pass@6"):
        pass_at_k(5, 2, 6)


def test_pass_at_k_is_unbiased() -> None:
    """Over all outcomes of 4 answers with chance p, its mean is the true 1 − (1 − p)^k."""
    p, n, k = 0.3, 4, 2
    mean = sum(comb(n, c) * p**c * (1 - p) ** (n - c) * pass_at_k(n, c, k) for c in range(n + 1))
    assert mean == pytest.approx(1 - (1 - p) ** k)


_TWICE = {"files": {"main.c": "int twice(int); int main() { return twice(4) != 8; }"}}


def test_a_suite_may_compile_with_the_systems_programs() -> None:
    if shutil.which("gcc", path="/usr/bin") is None:
        pytest.skip("there is no /usr/bin/gcc")
    options = {
        "command": ["sh", "-c", "gcc -o t answer.c main.c && ./t"],
        "answer": "answer.c",
        "tools": ["sh", "gcc"],
    }
    answers = (
        f"```c\nint twice(int x) {{ return {body}; }}\n```" for body in ("2 * x", "x", "2 *")
    )
    scores = _scored(COMMAND, options, Item("i", "p", None, _TWICE), *answers)
    assert [one.correct for one in scores] == [True, False, False]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"command": ["gcc", "a.c"]}, "gcc cannot be run in the sandbox"),
        ({"command": ["/usr/bin/gcc", "a.c"]}, "cannot be run in the sandbox"),
        ({"command": ["./other"]}, "./other cannot be run in the sandbox: No such file"),
        ({"command": ["x"], "tools": ["weighbridge-has-none"]}, "which is not in"),
        ({"command": ["x"], "tools": ["../bin/sh"]}, "which is not in"),
    ],
)
def test_a_command_that_is_not_there_is_no_wrong_answer(options: dict[str, Any], said: str) -> None:
    item = Item("i", "p", None, {})
    with pytest.raises(InputError, match=said):
        _scored(COMMAND, {"answer": "a.c", **options}, item, "int main() {}")


def test_an_answer_that_cannot_be_started_is_wrong() -> None:
    options = {"command": ["./a.sh"], "answer": "a.sh"}
    (score,) = _scored(COMMAND, options, Item("i", "p", None, {}), "#!/nowhere\n")
    assert score.detail.startswith("exit: status 127")
