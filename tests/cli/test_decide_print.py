from __future__ import annotations

import pytest

from tests.fakes.runs import eval_run
from weighbridge.cli.decide_print import show
from weighbridge.core.provenance import Provenance
from weighbridge.core.study import VerdictRun
from weighbridge.core.verdict import Assignment, ModelMemory, Verdict

MIB = 2**20
SOURCE = Provenance("measured", "eval", "2026-01-05")


@pytest.mark.parametrize(
    ("replicas", "fleets", "models", "size"),
    [
        (
            (17, 6),
            ((("clerk", "tally"), 23),),
            "23 × clerk, 23 × tally",
            "100.00 MiB on each of 23 machines",
        ),
        (
            (17, 6),
            ((("clerk",), 17), (("tally",), 6)),
            "17 × clerk, 6 × tally",
            "clerk: 40.00 MiB on each of 17 machines; tally: 60.00 MiB on each of 6 machines",
        ),
        (
            (17, 1),
            ((("clerk",), 17), (("tally",), 1)),
            "17 × clerk, 1 × tally",
            "clerk: 40.00 MiB on each of 17 machines; tally: 60.00 MiB on one machine",
        ),
        ((1, 1), ((("clerk", "tally"), 1),), "1 × clerk, 1 × tally", "100.00 MiB "),
    ],
)
def test_the_memory_of_machines_is_that_of_what_stands_on_each(
    *,
    replicas: tuple[int, int],
    fleets: tuple[tuple[tuple[str, ...], int], ...],
    models: str,
    size: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    both = Assignment(
        ("clerk", "tally"),
        (("x", "clerk"), ("y", "tally")),
        0.9,
        100 * MIB,
        replicas=tuple(zip(("clerk", "tally"), replicas, strict=True)),
        fleets=fleets,
    )
    memory = (ModelMemory("clerk", 40 * MIB, SOURCE), ModelMemory("tally", 60 * MIB, SOURCE))
    verdict = Verdict((), (("x", 0.5), ("y", 0.5)), memory, None, None, both, None)
    show(VerdictRun(eval_run("clerk", "x", []).info, (), verdict, ""))
    printed = capsys.readouterr().out
    assert models in printed
    assert size in printed
