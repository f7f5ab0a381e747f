from __future__ import annotations

from msgspec.structs import replace

from weighbridge.core.gateway import Asked, Choice, Grant, Outcome
from weighbridge.serve.observing.complaints import Complaints

FAILED = Outcome(
    id="1",
    ended=1000.0,
    asked=Asked("/v1/chat/completions", "a"),
    grant=Grant(),
    choice=Choice(("a",), None, "model a by name"),
    model="",
    status=502,
    end="failed",
    reason="Nobody answers.",
)


def test_failures_are_told_and_successes_are_not() -> None:
    told: list[str] = []
    complaints = Complaints(told.append)
    complaints.ended(replace(FAILED, end="complete", status=200, reason=""))
    complaints.ended(replace(FAILED, end="client_left"))
    complaints.ended(replace(FAILED, end="refused", status=404))
    assert told == []
    complaints.ended(FAILED)
    complaints.ended(replace(FAILED, end="cut", status=200, reason="It ended."))
    assert told == [
        "/v1/chat/completions: no answer. Nobody answers.",
        "/v1/chat/completions: an answer was cut. It ended.",
    ]


def test_the_same_trouble_is_told_once_in_a_while_with_its_count() -> None:
    told: list[str] = []
    complaints = Complaints(told.append)
    for second in range(5):
        complaints.ended(replace(FAILED, ended=1000.0 + second))
    assert len(told) == 1
    complaints.ended(replace(FAILED, ended=1011.0))
    assert told[1].endswith("(4 more like it before)")


def test_a_thousand_troubles_do_not_grow_for_ever() -> None:
    told: list[str] = []
    complaints = Complaints(told.append)
    for number in range(1000):
        complaints.ended(replace(FAILED, reason=f"Trouble {number}."))
    assert len(told) == 1000
    assert len(complaints._told) <= 256


def test_gateways_that_call_each_other_are_told_of_though_it_is_a_refusal() -> None:
    told: list[str] = []
    complaints = Complaints(told.append)
    complaints.ended(replace(FAILED, end="complete", status=508, reason=""))  # passed on
    complaints.ended(replace(FAILED, end="refused", status=508, reason="It has come back."))
    assert told == ["/v1/chat/completions: no answer. It has come back."]
