from __future__ import annotations

from typing import Any

import pytest

from tests.measure.evals.scorers.scoring import score
from weighbridge.core.errors import InputError
from weighbridge.measure.evals.scoring import Means, Score

HERE = "tests.measure.evals.scorers.test_function"


def shares(answer: str, fields: dict[str, Any]) -> Any:
    """A user's own scorer: letters of the gold that are in the answer."""
    assert fields["prompt"] == "the question"
    if answer == "crash":
        raise ValueError("oh")
    if answer == "strange":
        return "yes"
    if answer == "bool":
        return True
    share = sum(letter in answer for letter in fields["wanted"]) / len(fields["wanted"])
    return share, f"{share:.0%} of the letters"


def by(answer: str, *, trusted: bool = True, name: str = "shares", **options: Any) -> Score:
    told = {"function": f"{HERE}:{name}", "reads": ["wanted"], **options}
    means = Means(trusted=frozenset({f"{HERE}:{name}"} if trusted else ()))
    return score("python", answer, None, options=told, means=means, wanted="ab")


def test_a_function_scores_with_a_number_and_a_reason() -> None:
    assert by("abc") == Score(True, 1.0)
    assert by("a") == Score(False, 0.5, "50% of the letters")
    assert by("a", pass_at=0.5) == Score(True, 0.5)
    assert by("bool") == Score(True, 1.0)


def test_a_suite_cannot_have_a_function_run_that_nobody_trusts() -> None:
    with pytest.raises(InputError, match=f"--trust {HERE}:shares"):
        by("a", trusted=False)
    with pytest.raises(InputError, match="--trust os:system"):
        score("python", "true", None, options={"function": "os:system"})


@pytest.mark.parametrize("answer", ["crash", "strange"])
def test_a_function_at_fault_is_named(answer: str) -> None:
    with pytest.raises(InputError, match="scoring function"):
        by(answer)


@pytest.mark.parametrize("name", ["missing", "HERE"])
def test_what_is_no_function_is_told(name: str) -> None:
    with pytest.raises(InputError, match=name):
        by("a", name=name)
