"""How many answers a second the sandbox judges, and what an execution costs.

    python benchmarks/sandbox.py [executions]

Prints median and 95th percentile of an execution by itself, and throughput with one, two and four
at once. The answers are a function of a few lines with three assertions, as in HumanEval; with
numpy the tests import it, as those of HumanEval+ do.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from weighbridge.measure.sandbox.functions import Task, judge_functions
from weighbridge.measure.sandbox.limits import MIB, Limits
from weighbridge.measure.sandbox.sandbox import Sandbox
from weighbridge.measure.sandbox.self_test import self_test

_ANSWER = "def square(x):\n    return x * x\n"
_TEST = "{first}def check(f):\n    assert f(2) == 4\n    assert f(0) == 0\n    assert f(-3) == 9\n"
_TARGET_PER_S = 40


def _once(sandbox: Sandbox, task: Task, _: int) -> float:
    judged = judge_functions(sandbox, _ANSWER, task, Limits(memory_bytes=1024 * MIB))
    assert judged.passed, judged
    return judged.wall_s


def _cpu_s() -> float:
    """Of this process and of those it has waited for; processes of a sandbox count with neither."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


def _measure(label: str, task: Task, at_once: int, executions: int) -> float:
    sandbox = Sandbox(at_once)
    _once(sandbox, task, 0)
    begin, cpu = time.monotonic(), _cpu_s()
    with ThreadPoolExecutor(at_once) as pool:
        took = list(pool.map(partial(_once, sandbox, task), range(executions)))
    wall, ours = time.monotonic() - begin, (_cpu_s() - cpu) / executions
    parts = statistics.quantiles(took, n=20)
    print(
        f"{label:22} {at_once} at once  {executions / wall:6.1f}/s  "
        f"median {statistics.median(took) * 1e3:5.0f} ms  p95 {parts[18] * 1e3:5.0f} ms  "
        f"our own CPU {ours * 1e3:.1f} ms"
    )
    return executions / wall


def main() -> None:
    """Print the table."""
    executions = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, uid {os.geteuid()}")
    begin = time.monotonic()
    broken = [one for one in self_test(Sandbox(2)) if one.broke]
    print(f"self-test {time.monotonic() - begin:.1f} s, {broken or 'everything held'}")
    plain = Task(_TEST.format(first=""), "square")
    best = max(_measure("standard library", plain, n, executions) for n in (1, 2, 4))
    with_numpy = Task(_TEST.format(first="import numpy\n"), "square", packages=("numpy",))
    for n in (1, 2):
        _measure("tests import numpy", with_numpy, n, executions // 4)
    verdict = "reached" if best >= _TARGET_PER_S else "missed"
    print(f"target {_TARGET_PER_S}/s: {verdict} ({best:.1f}/s)")


if __name__ == "__main__":
    main()
