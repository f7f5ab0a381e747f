from __future__ import annotations

import pytest

from weighbridge.core.constraints import Constraints, Intents, Removed
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.routing import ModelEntry
from weighbridge.core.tradeoffs import Bounded, Served, Spending
from weighbridge.core.units import GIB
from weighbridge.core.verdict import ModelMemory
from weighbridge.core.workload import parse_slo
from weighbridge.decide import constraints as rules
from weighbridge.decide.advice import STUDY
from weighbridge.facts.licenses.questions import Answer, answer
from weighbridge.facts.licenses.read import recognise

SOURCE = Provenance("measured", "load-1", "2026-01-05")


@pytest.mark.parametrize(
    ("url", "entry", "place"),
    [
        ("http://127.0.0.1:9/v1", None, "here"),
        ("http://localhost/v1", None, "here"),
        ("http://[::1]:9/v1", None, "here"),
        ("http://10.1.2.3/v1", None, "here"),
        ("http://gpu-box:8000/v1", None, "here"),
        ("http://gpu.lan/v1", None, "here"),
        ("https://api.example.com/v1", None, None),
        ("https://8.8.8.8/v1", None, None),
        ("", None, None),
        ("https://api.example.com", ModelEntry(engine="vllm", source="m"), "here"),
        ("https://api.example.com", ModelEntry(cmd="serve ${PORT}"), "here"),
        ("http://127.0.0.1", ModelEntry(url=("http://10.0.0.1", "https://a.example")), None),
    ],
)
def test_where_a_model_answers(url: str, entry: ModelEntry | None, place: str | None) -> None:
    assert rules.place_of(url, entry) == place


PLACES = {
    "own": ("http://127.0.0.1/v1", "here"),
    "api": ("https://api.example.com/v1", None),
}


def removed_by_place(**constraints: object) -> list[tuple[str, str]]:
    found = rules.by_place(PLACES, Constraints(**constraints))  # type: ignore[arg-type]
    return [(one.model, one.constraint) for one in found]


def test_data_that_stays_removes_what_answers_elsewhere_unless_it_is_the_users_own() -> None:
    assert removed_by_place() == []
    assert removed_by_place(data_may_leave=False) == [("api", "data")]
    assert removed_by_place(data_may_leave=False, places=(("api", "here"),)) == []
    (one,) = rules.by_place(PLACES, Constraints(data_may_leave=False))
    assert str(one) == (
        "api: It answers at api.example.com, so that prompts would leave your machines. If these "
        "are yours, say --at api=here."
    )


@pytest.mark.parametrize(
    ("place", "territory", "stays"),
    [(None, "EU", False), ("FR", "EU", True), ("EU", "EU", True), ("US", "EU", False),
     ("FR", "DE", False), ("EU", "DE", False), ("US", "US", True)],
)  # fmt: skip
def test_a_territory_contains_its_countries_and_nothing_unknown(
    place: str | None, territory: str, stays: bool
) -> None:
    places = () if place is None else (("api", place),)
    found = removed_by_place(territory=territory, places=places)
    assert found == ([] if stays else [("api", "territory")])


def test_a_seat_in_the_union_is_asked_of_licences_too() -> None:
    asked = Intents(("commercial",), users=5)
    both = rules.intents_of(Constraints(territory="DE", intents=asked))
    assert both == Intents(("commercial", "eu"), users=5)
    assert rules.intents_of(Constraints(territory="EU")) == Intents(("eu",))
    assert rules.intents_of(Constraints(territory="US", intents=asked)) == asked
    assert rules.intents_of(Constraints()) is None


def licence(name: str, *intents: str) -> Answer:
    return answer(recognise(name), Intents(intents))


def test_licences_that_say_no_or_that_nobody_has_read_remove_their_models() -> None:
    answers = {
        "free": licence("mit", "commercial"),
        "barred": licence("cc-by-nc-4.0", "commercial"),
        "unread": licence("some-licence-of-nobody", "commercial"),
        "bare": None,
    }
    removed, notes = rules.by_licence(answers, Constraints())
    assert [(one.model, one.constraint) for one in removed] == [
        ("barred", "licence"), ("unread", "licence"), ("bare", "licence"),
    ]  # fmt: skip
    assert not removed[0].fix
    assert "Blocked until read" in removed[1].reason
    assert removed[2].fix == "Read it, then say --license-read bare."
    assert notes == ()
    removed, notes = rules.by_licence(answers, Constraints(license_read=("bare", "unread")))
    assert [one.model for one in removed] == ["barred"]
    assert notes[0].startswith("unread: you have read its licence")


def served(*, holds: bool | None) -> Served:
    time = Bounded(700.0, 650.0, None)
    return Served(
        "p95", time, None, time, "1 users, 2 requests/s", None, None, "users", holds, SOURCE
    )


def test_latency_removes_what_fails_and_what_is_unknown_only_if_it_is_asked() -> None:
    known: dict[tuple[str, str | None], Served | None] = {
        ("fast", None): served(holds=True),
        ("slow", None): served(holds=False),
        ("slow on code", "code"): served(holds=False),
        ("blind", None): None,
    }
    assert list(rules.by_latency(known, Constraints())) == []
    found = list(rules.by_latency(known, Constraints(slo=parse_slo("ttft<500ms"))))
    assert [(one.model, one.task) for one in found] == [
        ("slow", None), ("slow on code", "code"), ("blind", None),
    ]  # fmt: skip
    assert found[0].reason == ("It does not hold ttft_p95<500ms at any load (measured: load-1).")
    assert found[2].reason == "Whether it holds ttft_p95<500ms is not known."
    assert "weigh bench" in found[2].fix
    asked = Constraints(slo=parse_slo("ttft<500ms"))
    (why,) = rules.by_latency({("blind", None): None}, asked, {"blind": "load-7"})
    assert "not known: in load-7 the client was the bottleneck" in why.reason
    assert "--workers" in why.fix
    (study,) = rules.by_latency({("blind", None): None}, asked, {"blind": "load-7"}, STUDY)
    assert "--from-stage bench" in study.fix


def sized(**sizes: int | None) -> list[ModelMemory]:
    return [ModelMemory(name, size, SOURCE) for name, size in sizes.items()]


def test_memory_removes_what_does_not_fit_by_itself() -> None:
    entries = sized(small=GIB, large=3 * GIB, unknown=None)
    found = list(rules.by_memory(entries, Constraints(memory_budget_bytes=2 * GIB)))
    assert [(one.model, one.constraint) for one in found] == [("large", "memory")]
    assert found[0].reason == "It takes 3.00 GiB (measured), more than the budget of 2.00 GiB."
    found = list(rules.by_memory(entries, Constraints(device_bytes=(GIB, GIB))))
    assert [one.model for one in found] == ["large"]
    assert list(rules.by_memory(entries, Constraints(device_bytes=(2 * GIB, GIB)))) == []


def test_money_removes_what_is_too_dear_and_what_nobody_knows() -> None:
    month = Interval(900.0, 800.0, 1100.0, 0.8)
    spending = {"dear": Spending(None, None, month, is_hosted=False, provenance=SOURCE)}
    asked = Constraints(usd_per_month=899.0)
    found = list(rules.by_budget(("dear", "blind"), spending, asked))
    assert [one.model for one in found] == ["dear", "blind"]
    assert found[0].reason == "It costs 900 USD a month, more than 899 USD."
    assert list(rules.by_budget(("dear",), spending, Constraints(usd_per_month=900.0))) == []
    assert list(rules.by_budget(("blind",), {}, Constraints())) == []


def test_too_rarely_right_is_out_for_that_task_and_says_whether_that_is_sure() -> None:
    accuracy = {
        ("code", "sure"): Interval(0.5, 0.4, 0.6),
        ("code", "near"): Interval(0.78, 0.7, 0.85),
        ("code", "good"): Interval(0.8, 0.7, 0.9),
        ("prose", "sure"): Interval(0.1, 0.0, 0.2),
    }
    found = list(rules.by_accuracy(accuracy, Constraints(min_accuracy=(("code", 0.8),))))
    assert found == [
        Removed(
            "sure", "accuracy", "It is right in 50.0 %, below 80 % (its interval ends at 60.0 %).",
            "", "code",
        ),
        Removed(
            "near", "accuracy", "It is right in 78.0 %, below 80 % (its interval ends at 85.0 %).",
            "More items may clear it.", "code",
        ),
    ]  # fmt: skip


LOOPBACK = {"proxy": ("http://127.0.0.1:7101/v1", "here")}
REMOTE = {"api": ("https://api.example.com/v1", None)}


@pytest.mark.parametrize(
    ("at", "asked", "constraint"),
    [
        # A proxy here may pass prompts on; a server elsewhere may be one's own.
        (LOOPBACK, Constraints(data_may_leave=False, leaves=(("proxy", True),)), "data"),
        (LOOPBACK, Constraints(territory="EU", leaves=(("proxy", True),)), "territory"),
        (REMOTE, Constraints(data_may_leave=False, leaves=(("api", False),)), None),
        (REMOTE, Constraints(territory="EU", leaves=(("api", False),)), None),
        # Whoever owns the machine, it stands where it stands.
        (
            REMOTE,
            Constraints(territory="EU", leaves=(("api", False),), places=(("api", "US"),)),
            "territory",
        ),
        (
            REMOTE,
            Constraints(
                data_may_leave=False, territory="EU", leaves=(("api", False),),
                places=(("api", "FR"),),
            ),
            None,
        ),
    ],
)  # fmt: skip
def test_what_is_said_of_leaving_goes_before_the_address(
    at: dict[str, tuple[str, str | None]], asked: Constraints, constraint: str | None
) -> None:
    found = [one.constraint for one in rules.by_place(at, asked)]
    assert found == ([] if constraint is None else [constraint])


def test_a_study_is_told_the_keys_of_its_file() -> None:
    stays = Constraints(data_may_leave=False)
    (data,) = rules.by_place(REMOTE, stays, STUDY)
    assert data.fix == "If these are yours, write `leaves: false` under `candidates.api`."
    (place,) = rules.by_place(REMOTE, Constraints(territory="EU"), STUDY)
    assert place.fix.endswith("write `territory: EU` under `candidates.api`.")
    (money,) = rules.by_budget(["api"], {}, Constraints(usd_per_month=1.0), STUDY)
    (unread,), _ = rules.by_licence({"api": None}, Constraints(), STUDY)
    for one in (data, place, money, unread):
        assert "--" not in one.fix
        assert "weigh " not in one.fix
