from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.serve import exposition_grammar
from tests.serve.outcomes import outcome
from weighbridge.core.gateway import Choice, Grant, ModelView, Spending, TokenUse
from weighbridge.serve.observing.exposition import METRICS, PREFIX, STATES, Surroundings, render
from weighbridge.serve.observing.metrics import Metrics

DOCS = Path(__file__).parents[3] / "docs/gateway_metrics.md"
AROUND = Surroundings(
    models={
        "tally": ModelView(
            "tally", "ready", 3, 1, memory_bytes=2**30, expected_bytes=2**30,
            memory_from="measured", replicas=(2, 1),
        ),
        "clerk": ModelView("clerk", "stopped"),
    },
    starts={"tally": 4},
    memory_bytes=24 * 2**30,
    used_bytes=2**30,
    budgets=(
        Spending("team", ("anna",), (1.5, 20.0), (1000, None), "2026-12-01T00:00:00+00:00"),
        Spending("ever", (), (0.0, None), (5, 10), ""),
    ),
    events={"captures_kept": 5, "log_lines_dropped": 0},
)  # fmt: skip


def families(observer: Metrics, around: Surroundings = AROUND) -> dict[str, dict[str, float]]:
    read = exposition_grammar.read(render(observer.record(), around).decode())
    return {
        name: {
            " ".join([sample, *sorted(f"{k}={v}" for k, v in labels)]): value
            for (sample, labels), value in family.samples.items()
        }
        for name, family in read.items()
    }


def whole() -> Metrics:
    observer = Metrics()
    for one in (
        outcome(),
        outcome(duration_s=7.0, queued_s=1.5, attempts=2),
        outcome(use=TokenUse(1, 2, estimated=True)),
        outcome(model="", status=401, end="refused", choice=Choice((), None, "")),
    ):
        observer.ended(one)
    return observer


def test_every_metric_is_rendered_and_says_what_was_counted() -> None:
    found = families(whole())
    assert set(found) == {PREFIX + name for name in METRICS}
    requests = found["weighbridge_requests_total"]
    assert requests["weighbridge_requests_total code=200 end=complete key=anna model=tally"] == 3
    assert requests["weighbridge_requests_total code=401 end=refused key=anna model="] == 1
    times = found["weighbridge_request_duration_seconds"]
    name = "weighbridge_request_duration_seconds"
    assert times[f"{name}_bucket le=0.25 model=tally"] == 0
    assert times[f"{name}_bucket le=0.5 model=tally"] == 2
    assert times[f"{name}_bucket le=10.0 model=tally"] == 3
    assert times[f"{name}_count model=tally"] == 3
    assert times[f"{name}_sum model=tally"] == 7.6
    tokens = found["weighbridge_tokens_total"]
    name = "weighbridge_tokens_total"
    assert tokens[f"{name} estimated=false key=anna kind=output model=tally"] == 68
    assert tokens[f"{name} estimated=true key=anna kind=output model=tally"] == 2
    routes = found["weighbridge_routes_total"]
    assert routes["weighbridge_routes_total model=tally route=0"] == 3
    assert routes["weighbridge_routes_total model= route=none"] == 1
    states = found["weighbridge_engine_state"]
    assert len(states) == 2 * len(STATES)
    assert {name for name, value in states.items() if value} == {
        "weighbridge_engine_state model=tally state=ready",
        "weighbridge_engine_state model=clerk state=stopped",
    }
    assert found["weighbridge_budget_limit_usd"] == {
        "weighbridge_budget_limit_usd budget=team": 20.0
    }
    assert found["weighbridge_events_total"]["weighbridge_events_total event=captures_kept"] == 5


def test_what_is_not_known_is_left_out() -> None:
    found = families(Metrics(), Surroundings())
    assert set(found) == {
        PREFIX + name
        for name in METRICS
        if name.startswith("process_") or name in ("build_info", "config_ok")
    }


@given(st.text(), st.text())
def test_labels_are_escaped(model: str, key: str) -> None:
    observer = Metrics()
    observer.ended(outcome(model=model, grant=Grant(key=key)))
    text = render(observer.record(), Surroundings(models={model: ModelView(model, "ready")}))
    read = exposition_grammar.read(text.decode())
    ((_, labels),) = read["weighbridge_requests_total"].samples
    shown = model.encode("utf-8", "replace").decode(), key.encode("utf-8", "replace").decode()
    assert (dict(labels)["model"], dict(labels)["key"]) == shown


def test_the_documentation_has_every_metric_with_its_type() -> None:
    rows = re.findall(r"^\| `(weighbridge_\w+)` \| (\w+) \|", DOCS.read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == {PREFIX + name: kind for name, (kind, _) in METRICS.items()}
    assert len(rows) == len(METRICS)
