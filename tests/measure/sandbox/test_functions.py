"""Verdicts on functions: what passes, why others fail, and attempts to forge one."""

from __future__ import annotations

import textwrap

import pytest

from weighbridge.core.errors import ConfigError
from weighbridge.measure.sandbox.functions import Judged, Task, judge_functions
from weighbridge.measure.sandbox.limits import MIB, Limits
from weighbridge.measure.sandbox.sandbox import Sandbox

_TASK = Task(
    test="def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-3) == 9\n",
    entry_point="square",
)
_LIMITS = Limits(wall_s=10, cpu_s=5, memory_bytes=256 * MIB)


def _judge(sandbox: Sandbox, answer: str, task: Task = _TASK, limits: Limits = _LIMITS) -> Judged:
    return judge_functions(sandbox, textwrap.dedent(answer), task, limits)


def test_a_right_answer_passes(sandbox: Sandbox) -> None:
    judged = _judge(sandbox, "def square(x): return x * x")
    assert (judged.reason, judged.detail) == ("passed", "")


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        ("def square(x): return x + x", "assertion", "square(-3) gave -6"),
        ("def square(x): return x / 0", "exception", "ZeroDivisionError: division by zero"),
        ("def square(x) return x", "syntax", "expected ':'"),
        ("def cube(x): return x", "missing", "there is no function square"),
        ("def square(x):\n    while True: pass", "timeout", "processor time"),
        ("import time\ndef square(x): time.sleep(99)", "timeout", "not done after 2 s"),
        ("def square(x): return bytearray(3 << 30)", "memory", "ran out of memory"),
        ("x = bytearray(3 << 30)", "memory", "before any test"),
        ("import nowhere", "exception", "No module named 'nowhere'"),
        ("import os\ndef square(x): os.kill(os.getpid(), 11)", "crash", "SIGSEGV"),
        ("def square(x): return square(x)", "exception", "RecursionError"),
        (
            "def square(x):\n    raise type('Own', (Exception,), {})('mine')",
            "exception",
            "Own: mine",
        ),
    ],
)
def test_a_failure_says_why(sandbox: Sandbox, answer: str, reason: str, said: str) -> None:
    limits = Limits(wall_s=2 if "sleep" in answer else 60, cpu_s=1, memory_bytes=256 * MIB)
    judged = _judge(sandbox, answer, limits=limits)
    assert judged.reason == reason
    assert said in judged.detail


@pytest.mark.parametrize(
    "cheat",
    [
        # end with success before the tests
        "import os; os._exit(0)",
        "import sys; sys.exit(0)",
        "raise SystemExit(0)",
        "import os\ndef square(x): os._exit(0)",
        "def square(x): raise SystemExit",
        "import atexit, os; atexit.register(os._exit, 0)\ndef square(x): return 0",
        # say that it passed
        "print('ready'); print('passed', flush=True)\ndef square(x): return 0",
        """
        import os
        for descriptor in range(256):
            try:
                os.write(descriptor, b"ready\\n\\x00\\x00\\x00\\x00passed")
            except OSError:
                pass
        def square(x): return 0
        """,
        """
        import inside.judge as judge, inside.plain as plain, os, pickle
        for descriptor in range(3, 64):
            try:
                plain.send(descriptor, pickle.dumps(("passed", "")))
            except OSError:
                pass
        def square(x): return 0
        """,
        # results that are equal to anything
        """
        class Yes(int):
            def __eq__(self, other): return True
        def square(x): return Yes(0)
        """,
        """
        class Yes:
            def __eq__(self, other): return True
            def __reduce__(self): return eval, ("type('Y', (), {'__eq__': lambda *_: True})()",)
        def square(x): return Yes()
        """,
        """
        class Out:
            def __reduce__(self): return __import__("os")._exit, (0,)
        def square(x): return Out()
        """,
        # what the tests lean on, redefined
        "def check(candidate): pass\ndef square(x): return 0",
        "import builtins\nbuiltins.AssertionError = int\ndef square(x): return 0",
        """
        import inside.judge, inside.answer, sys
        inside.judge._run = lambda *_: None
        inside.answer._answer_one = lambda *_: None
        sys.modules["inside.judge"] = None
        def square(x): return 0
        """,
        # look for the tests where they are run
        """
        import gc, re, sys
        seen = re.compile(r"candidate\\(2\\) == 4").search  # which does not match itself
        def square(x):
            frame = sys._getframe()
            while frame:
                for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
                    if seen(repr(value)):
                        return x * x
                frame = frame.f_back
            for value in gc.get_objects():
                if seen(repr(value)[:10000]):
                    return x * x
            return 0
        """,
        "import os\nd = os.read(0, 99)\ndef square(x): return x * x if b'assert' in d else 0",
        # end or change the process that judges
        """
        import os, signal
        os.kill(os.getppid(), signal.SIGKILL)
        def square(x): return x * x
        """,
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(16, os.getppid(), 0, 0) == -1:
            def square(x): return 0
        else:
            def square(x): return x * x
        """,
    ],
)
def test_a_verdict_cannot_be_forged(sandbox: Sandbox, cheat: str) -> None:
    judged = _judge(sandbox, cheat)
    assert not judged.passed, judged
    assert judged.detail


def test_redefined_builtins_do_not_reach_the_tests(sandbox: Sandbox) -> None:
    """Tests that loop over inputs would pass if the answer's `zip` gave none."""
    task = Task(test="for a, b in zip([1, 2], [1, 4]):\n    assert square(a) == b")
    cheat = "def zip(*_): return []\ndef range(*_): return []\ndef square(x): return 0"
    assert _judge(sandbox, cheat, task).reason == "assertion"
    assert _judge(sandbox, "def square(x): return x * x", task).passed


def test_helpers_that_the_task_gives_are_not_the_answers_to_change(sandbox: Sandbox) -> None:
    given = "def double(x): return 2 * x\n\ndef half(x):\n    '''Undo double.'''\n"
    task = Task("def check(c):\n    assert c(double(3)) == 3", "half", given)
    assert _judge(sandbox, f"{given}    return x // 2", task).passed
    cheat = "def double(x): return x\ndef half(x): return x"
    assert _judge(sandbox, cheat, task).reason == "assertion"


def test_a_task_may_name_its_function_like_a_builtin(sandbox: Sandbox) -> None:
    task = Task("assert sum(10, 15) == 6", entry_point="sum")
    answer = "def sum(a, b):\n    return max(i for i in range(1, a + b) if a % i + b % i == 0) + 1"
    assert _judge(sandbox, answer, task).passed


def test_the_function_under_test_may_be_called_check(sandbox: Sandbox) -> None:
    task = Task("assert check(21) is True and check(3) is False", entry_point="check")
    assert _judge(sandbox, "def check(n): return n > 20", task).passed
    assert _judge(sandbox, "def check(n): return True", task).reason == "assertion"


@pytest.mark.parametrize(
    ("answer", "test"),
    [
        ("def f(): return {'a': (1, 2.5, None)}", "assert f() == {'a': (1, 2.5, None)}"),
        ("def f(): return {1, 2}", "assert f() == {1, 2} and isinstance(f(), set)"),
        ("def f(): return map(int, '123')", "assert f() != [1, 2, 3] and list(f()) == [1, 2, 3]"),
        ("def f():\n    yield 1\n    yield 2", "assert tuple(f()) == (1, 2)"),
        ("def f(): return {'a': 1}.keys()", "assert f() == {'a'}"),
        ("import re\ndef f(): return re.search('b+', 'abba')", "assert f().span() == (1, 3)"),
        ("from collections import Counter\ndef f(): return Counter('aab')", "assert f()['a'] == 2"),
        ("def f(): return 10 ** 5000", "assert f() == 10 ** 5000"),
        ("def f(): return float('nan')", "assert f() != f()"),
        ("def f(x): x.append(4); x.sort()", "a = [9, 1]; f(a); assert a == [1, 4, 9]"),
        ("def f(x): x['k'] = 1", "a = {}; f(x=a); assert a == {'k': 1}"),
        (
            "def f(x):\n    if x < 0: raise ValueError('no')",
            "try:\n    f(-1)\nexcept ValueError as e:\n    assert str(e) == 'no'\nelse: assert 0",
        ),
        ("def f(): return '\\ud800'", "assert f() == '\\ud800'"),
    ],
)
def test_values_arrive_as_they_are(sandbox: Sandbox, answer: str, test: str) -> None:
    judged = _judge(sandbox, answer, Task(test))
    assert judged.passed, judged
    changed = f"{test}\nassert False, 'reached'"
    assert "reached" in _judge(sandbox, answer, Task(changed)).detail


def test_values_that_act_do_not_arrive(sandbox: Sandbox) -> None:
    judged = _judge(sandbox, "def f(): return open('/tmp/x', 'w')", Task("assert f()"))
    assert judged.reason == "exception"
    judged = _judge(sandbox, "class A: pass\ndef f(): return A()", Task("assert f()"))
    assert "more than plain data" in judged.detail


def test_tests_that_need_the_answers_objects_run_beside_it(sandbox: Sandbox) -> None:
    answer = """
    class Stack:
        def __init__(self): self.items = []
        def push(self, x): self.items.append(x)
    """
    test = "s = Stack(); s.push(1); assert s.items == [1]"
    assert not _judge(sandbox, answer, Task(test)).passed
    assert _judge(sandbox, answer, Task(test, beside=True)).passed
    wrong = answer.replace("append(x)", "append(2)")
    assert _judge(sandbox, wrong, Task(test, beside=True)).reason == "assertion"
    assert _judge(sandbox, "import os; os._exit(0)", Task(test, beside=True)).reason == "exit"


def test_what_an_answer_prints_does_not_matter(sandbox: Sandbox) -> None:
    answer = """
    import sys
    def square(x):
        print("x" * (8 << 20))
        sys.stderr.write("y" * (8 << 20))
        return x * x
    """
    assert _judge(sandbox, answer).passed


def test_a_huge_message_is_cut(sandbox: Sandbox) -> None:
    judged = _judge(sandbox, "def square(x): raise ValueError('x' * (8 << 20))")
    assert judged.reason == "exception"
    assert len(judged.detail) < 2000


def test_broken_tests_are_the_suites_fault(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigError, match="own tests cannot be run: SyntaxError"):
        _judge(sandbox, "def square(x): return x", Task("assert (", "square"))


@pytest.mark.parametrize("answer", ["raise StopIteration", "return next(iter(()))"])
def test_an_answer_cannot_end_the_tests_loops(sandbox: Sandbox, answer: str) -> None:
    test = "def check(f):\n    for told, _ in zip(map(f, [1]), [1]):\n        assert told == 0"
    judged = _judge(sandbox, f"def square(x):\n    {answer}\n", Task(test, "square"))
    assert judged.reason == "exception"
    assert "StopIteration" in judged.detail


def test_values_of_derived_classes_arrive_as_their_base(sandbox: Sandbox) -> None:
    answer = """
from collections import namedtuple
from enum import IntEnum
class P(namedtuple("P", "x")):
    def __eq__(self, other): return True
class E(IntEnum):
    TWO = 2
class S(str): pass
class L(list): pass
def square(x): return {"p": P(4), "e": E.TWO, "s": S("x"), "l": L([S("y")])}
"""
    test = (
        "def check(f):\n    told = f(0)\n"
        "    assert told == {'p': (4,), 'e': 2, 's': 'x', 'l': ['y']}\n"
        "    assert {type(one) for one in told.values()} == {tuple, int, str, list}\n"
        "    assert told['p'] != (5,)"
    )
    assert _judge(sandbox, answer, Task(test, "square")).passed


def test_functions_returned_or_given_need_tests_beside(sandbox: Sandbox) -> None:
    closure = "def square(x):\n    def inner():\n        return x\n    return inner\n"
    test = "def check(f):\n    assert f(2)() == 2"
    judged = _judge(sandbox, closure, Task(test, "square"))
    assert judged.reason == "exception"
    assert "`beside: true`" in judged.detail
    assert _judge(sandbox, closure, Task(test, "square", beside=True)).passed
    giving = Task("def check(f):\n    f(lambda: 2)", "square")
    with pytest.raises(ConfigError, match="`beside: true`"):
        _judge(sandbox, "def square(f):\n    return f()\n", giving)
