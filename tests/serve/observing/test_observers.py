from __future__ import annotations

from pathlib import Path

from tests.serve.outcomes import NOW, outcome, until
from weighbridge.core.gateway import Asked, Choice
from weighbridge.core.routing import Capture
from weighbridge.serve.observing.access_log import AccessLog
from weighbridge.serve.observing.capture import Captures
from weighbridge.serve.observing.counts import merge
from weighbridge.serve.observing.metrics import Metrics
from weighbridge.serve.observing.observers import events, live_figures
from weighbridge.serve.observing.tracing import Traces
from weighbridge.serve.seams import Observer, Witness
from weighbridge.workspace.traffic import Traffic

ASKED = Asked(path="/v1/chat/completions", model="auto")


def test_each_is_an_observer_and_tells_what_it_did(tmp_path: Path) -> None:
    told: list[str] = []
    log = AccessLog(str(tmp_path / "log.jsonl"), told.append)
    captures = Captures(Capture(share=1.0), tmp_path, told.append)
    observers: list[Observer] = [Metrics(), log, captures]
    kinds: list[type[Observer]] = [Metrics, AccessLog, Captures, Traces]
    assert len(kinds) == 4  # what the type checker sees is the test
    witnesses = [observer for observer in observers if isinstance(observer, Witness)]
    taps = [witness.began("one", ASKED, b"{}") for witness in witnesses]
    (tap,) = [tap for tap in taps if tap is not None]
    tap.feed(b'{"choices": [{"text": "fine"}]}')
    tap.close(outcome(id="one"))
    for observer in observers:
        observer.ended(outcome(id="one"))
    until(lambda: log.written == 1 and captures.counts.get("kept") == 1)
    log.close()
    captures.close()
    assert Traffic(tmp_path).find("one").text == "fine"
    assert events(captures, log) == {
        "captures_kept": 1,
        "log_lines_written": 1,
        "log_lines_dropped": 0,
    }
    assert told == []
    assert events(None, None) == {}


def test_the_live_page_shows_what_metrics_count() -> None:
    first, second = Metrics(), Metrics()
    second.ended(
        outcome(ended=NOW, model="", status=401, end="refused", choice=Choice((), None, ""))
    )
    for second_of_it in range(20):
        first.ended(outcome(ended=NOW + second_of_it))
        second.ended(outcome(ended=NOW + second_of_it, status=502, end="failed", use=None))
    figures = live_figures(merge([first.snapshot(), second.snapshot()]), NOW + 20, 100.0)
    assert (figures.requests, figures.errors) == (41, 20)
    assert (figures.requests_in_window, figures.tokens_in_window) == (20, 340)
    assert figures.window_s == 10.0
    assert len(figures.ttft_s) == 40
    assert [(row.why, row.requests) for row in figures.routes] == [("route 0: task arithmetic", 40)]
