from __future__ import annotations

import http.server
import subprocess
import sys
import threading

import pytest

from tests.serve.outcomes import NOW, outcome
from weighbridge.core.errors import ConfigError
from weighbridge.core.gateway import Asked, Choice
from weighbridge.serve.observing.tracing import Traces, open_tracing, traces_url

pytest.importorskip("opentelemetry.sdk.trace")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACED = Asked(
    path="/v1/chat/completions",
    model="auto",
    headers=((b"traceparent", f"00-{TRACE}-{PARENT}-01".encode()), (b"cookie", b"secret")),
    max_tokens=50,
)


def spans_of(*outcomes: object) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    for one in outcomes:
        traces.ended(one)  # type: ignore[arg-type]
    spans = []
    traces._provider.force_flush()
    spans = list(exporter.get_finished_spans())
    traces.close()
    return spans


def test_a_clients_trace_is_continued_and_the_model_is_a_span_within() -> None:
    call, server = spans_of(outcome(asked=TRACED, queued_s=0.1))
    assert server.name == "POST /v1/chat/completions"
    assert server.kind is SpanKind.SERVER
    assert server.context is not None
    assert f"{server.context.trace_id:032x}" == TRACE
    assert server.parent is not None
    assert f"{server.parent.span_id:016x}" == PARENT
    assert call.name == "chat tally"
    assert call.parent is not None
    assert call.parent.span_id == server.context.span_id
    assert server.end_time == round(NOW * 1e9)
    assert server.start_time is not None
    assert (server.end_time - server.start_time) / 1e9 == pytest.approx(0.3)
    assert call.start_time is not None
    assert (call.start_time - server.start_time) / 1e9 == pytest.approx(0.10011)
    assert call.attributes is not None
    assert call.attributes["gen_ai.request.model"] == "auto"
    assert call.attributes["gen_ai.response.model"] == "tally"
    assert call.attributes["gen_ai.request.max_tokens"] == 50
    assert call.attributes["gen_ai.usage.input_tokens"] == 12
    assert call.attributes["gen_ai.usage.output_tokens"] == 34
    assert server.status.is_unset
    assert "secret" not in call.to_json() + server.to_json()
    assert "2 plus 2" not in call.to_json() + server.to_json()


def test_without_a_trace_of_the_clients_one_begins() -> None:
    first, second = spans_of(outcome(model=""), outcome(model="", id="2"))
    assert first.parent is None
    assert first.context is not None
    assert second.context is not None
    assert first.context.trace_id != second.context.trace_id


@pytest.mark.parametrize(
    ("changes", "is_error"),
    [
        ({"status": 502, "end": "failed", "reason": "Nobody answers."}, True),
        ({"status": 200, "end": "cut", "reason": "The engine died."}, True),
        ({"status": 401, "end": "refused", "model": ""}, False),
        ({"status": 499, "end": "client_left"}, False),
    ],
)
def test_only_what_the_gateway_is_at_fault_for_is_an_error(
    changes: dict[str, object], is_error: bool
) -> None:
    *_, server = spans_of(outcome(**changes))
    assert (not server.status.is_unset) == is_error
    assert server.attributes is not None
    assert ("error.type" in server.attributes) == is_error


def test_a_request_that_no_model_answered_has_one_span() -> None:
    (server,) = spans_of(
        outcome(model="", status=404, end="refused", choice=Choice((), None, "unknown"))
    )
    assert server.attributes is not None
    assert "weighbridge.route.index" not in server.attributes


def test_a_collector_gets_the_spans_over_http() -> None:
    got: list[tuple[str, bytes]] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            del words

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        traces = open_tracing(f"http://127.0.0.1:{server.server_port}", {})
        assert traces is not None
        traces.ended(outcome(asked=TRACED))
        traces.close()
        server.shutdown()
        thread.join()
    assert got[0][0] == "/v1/traces"
    body = b"".join(body for _, body in got)
    assert b"chat tally" in body
    assert bytes.fromhex(TRACE) in body


def test_off_is_off() -> None:
    assert open_tracing(None, {}) is None
    everything = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:1", "OTEL_SDK_DISABLED": "true"}
    assert open_tracing("http://x:1", everything) is None
    code = (
        "import sys; import weighbridge.serve.observing.tracing; "
        "print('opentelemetry' in sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert loaded.strip() == "False"


def test_the_standard_environment_is_enough() -> None:
    traces = open_tracing(None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    assert traces is not None
    traces.close(0.1)


def test_addresses() -> None:
    assert traces_url("http://c:4318/") == "http://c:4318/v1/traces"
    assert traces_url("https://c/otlp/v1/traces") == "https://c/otlp/v1/traces"
    with pytest.raises(ConfigError, match="no address"):
        traces_url("c:4318")
