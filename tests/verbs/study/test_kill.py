"""Killed wherever it may be, a study goes on and decides the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from tests.fakes.llm_server import Behaviour, FakeUrl, fake_llm_thread
from tests.verbs.study.lab import Lab, answer, lab
from weighbridge.core.study import Study
from weighbridge.verbs.effects import open_workspace
from weighbridge.verbs.study import load_study
from weighbridge.wire.server import ServerRequest

REPOSITORY = Path(__file__).parents[3]


class Executioner:
    """Answers as the lab does, and kills who asks at certain numbers of requests."""

    def __init__(self, moments: list[int]) -> None:
        self.moments = moments
        self.victim = 0
        self.kills = 0

    def __call__(self, request: ServerRequest, number: int) -> Behaviour:
        if self.moments and number >= self.moments[0] and self.victim:
            self.moments.pop(0)
            self.kills += 1
            os.kill(self.victim, signal.SIGKILL)
            self.victim = 0
        return answer(request, number)


def run_until_it_ends(folder: Path, url: FakeUrl, executioner: Executioner) -> str:
    """Start the study again and again; what it prints when it is let to its end."""
    while True:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.verbs.study.killable", str(folder), url],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        executioner.victim = process.pid
        out, _ = process.communicate(timeout=120)
        if process.returncode == 0:
            return out.strip()
        assert process.returncode == -signal.SIGKILL


def answers(study: Study) -> dict[tuple[str, str], list[tuple[str, str, bool]]]:
    return {
        (run.info.model, run.suite): [(item.id, item.answer, item.correct) for item in run.items]
        for run in study.evals
    }


def test_killed_at_five_random_moments_it_decides_the_same(tmp_path: Path) -> None:
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    undisturbed.mkdir()
    disturbed.mkdir()
    with lab(undisturbed) as study:
        run = study.run()
        total = len(study.url.requests)
        expected = load_study(open_workspace(study.root), run.info.id)
    draw = random.Random(8)  # noqa: S311 -- moments, no secret
    moments = sorted(draw.sample(range(2, total), 5))
    executioner = Executioner(moments)
    with fake_llm_thread(executioner, model=["good", "fair"]) as url:
        run_id = run_until_it_ends(disturbed, url, executioner)
        assert executioner.kills == 5
        found = load_study(open_workspace(disturbed / "ws"), run_id)
        assert answers(found) == answers(expected)
        assert found.run.comparisons == expected.run.comparisons
        assert found.verdict is not None
        assert expected.verdict is not None
        assert found.verdict.verdict.chosen.by_task == expected.verdict.verdict.chosen.by_task
        assert found.verdict.verdict.sentence == expected.verdict.verdict.sentence
        assert found.run.not_checked == expected.run.not_checked
        assert not list((disturbed / "ws" / "runs").glob(".draft-*"))
        # What is done stays done: the next run rests on the very same measurements.
        again = Lab(disturbed, url).run()
        assert again.info.key == found.run.info.key
        assert (again.loads, again.evals, again.verdict) == (
            found.run.loads, found.run.evals, found.run.verdict,
        )  # fmt: skip
