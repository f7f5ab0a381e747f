"""OpenTelemetry traces: two spans for each request, made when it has ended.

Nothing is imported and nothing runs until traces are configured. A client's ``traceparent`` is
continued; names follow OpenTelemetry's conventions for HTTP servers and for generative models.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from weighbridge import __version__
from weighbridge.core.errors import ConfigError
from weighbridge.core.gateway import COMPLETIONS, Asked, Outcome

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

ENVIRONMENT = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_PATH = "/v1/traces"
_OPERATIONS = {
    "chat": "chat",
    "messages": "chat",
    "responses": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
}


def open_tracing(endpoint: str | None, environment: Mapping[str, str]) -> Traces | None:
    """Traces to where the configuration or the environment says; None where neither does.

    Raises:
        ConfigError: they are wanted, but OpenTelemetry is not installed or the address is none.
    """
    if environment.get("OTEL_SDK_DISABLED", "").casefold() == "true":
        return None
    if endpoint is None and not any(environment.get(name) for name in ENVIRONMENT):
        return None
    try:
        http = importlib.import_module(EXPORTER)
    except ImportError:
        raise ConfigError(
            "Traces are configured, but OpenTelemetry is not installed.",
            fix="Run `pip install 'weighbridge[otel]'`, or take `traces` out of the configuration.",
        ) from None
    # Without an address of ours the exporter reads the environment itself, headers included.
    address = None if endpoint is None else traces_url(endpoint)
    return Traces(http.OTLPSpanExporter(endpoint=address))


def traces_url(endpoint: str) -> str:
    """Where spans are sent: the collector's address, with the usual path where it has none.

    Raises:
        ConfigError: it is no http address.
    """
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(
            f"`traces: {endpoint}` is no address.", fix="Write for example http://127.0.0.1:4318."
        )
    return endpoint if parts.path.strip("/") else endpoint.rstrip("/") + _PATH


class Traces:
    """Makes spans, as :class:`weighbridge.serve.seams.Observer`.

    Spans are sent in batches by a thread of the SDK; when the collector is slow or away, they are
    dropped there and no request waits.

    Args:
        exporter: where spans go.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 -- an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context  # noqa: PLC0415
        from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415

        resource = Resource.create({"service.name": "weighbridge", "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("weighbridge", __version__)
        self._extract = tracecontext.TraceContextTextMapPropagator().extract
        self._within = set_span_in_context
        self._server, self._client = SpanKind.SERVER, SpanKind.CLIENT
        self._status, self._error = Status, StatusCode.ERROR

    def ended(self, outcome: Outcome) -> None:
        """One span of the gateway, and within it one of the model where it was asked."""
        if outcome.asked.path not in COMPLETIONS:
            return  # lists and figures that were refused are no work of models
        end_ns = round(outcome.ended * 1e9)
        start_ns = end_ns - round(outcome.duration_s * 1e9)
        parent = self._extract(_carrier(outcome.asked))
        span = self._tracer.start_span(
            f"POST {outcome.asked.path}",
            context=parent,
            kind=self._server,
            start_time=start_ns,
            attributes=server_attributes(outcome),
        )
        # A server's span is an error only where the server is at fault.
        failed = outcome.end in ("cut", "failed") or outcome.status >= 500
        if failed:
            span.set_status(self._status(self._error, outcome.reason or outcome.end))
        if outcome.model:
            asked_ns = start_ns + round((outcome.overhead_s + outcome.queued_s) * 1e9)
            attributes = model_attributes(outcome)
            call = self._tracer.start_span(
                f"{attributes['gen_ai.operation.name']} {outcome.model}",
                context=self._within(span),
                kind=self._client,
                start_time=min(asked_ns, end_ns),
                attributes=attributes,
            )
            if outcome.ttft_s is not None:
                first_ns = start_ns + round(outcome.ttft_s * 1e9)
                call.add_event("gen_ai.first_byte", timestamp=first_ns)
            if failed:
                call.set_status(self._status(self._error, outcome.reason or outcome.end))
            call.end(end_ns)
        span.end(end_ns)

    def close(self, timeout_s: float = 5.0) -> None:
        """Send what waits, as far as the time allows."""
        self._provider.force_flush(round(1000 * timeout_s))
        self._provider.shutdown()


def server_attributes(outcome: Outcome) -> dict[str, Any]:
    """What the gateway's span says; nothing that a client wrote but the model's name."""
    choice = outcome.choice
    attributes: dict[str, Any] = {
        "http.request.method": "POST",
        "http.route": outcome.asked.path,
        "url.path": outcome.asked.path,
        "http.response.status_code": outcome.status,
        "http.request.body.size": outcome.request_bytes,
        "http.response.body.size": outcome.answer_bytes,
        "weighbridge.request.id": outcome.id,
        "weighbridge.end": outcome.end,
        "weighbridge.route.why": choice.why,
        "weighbridge.attempts": outcome.attempts,
        "weighbridge.queued_ms": 1000 * outcome.queued_s,
        "weighbridge.overhead_ms": 1000 * outcome.overhead_s,
    }
    if choice.route is not None:
        attributes["weighbridge.route.index"] = choice.route
    if choice.task is not None:
        attributes["weighbridge.task"] = choice.task
    if outcome.grant.key:
        attributes["weighbridge.key"] = outcome.grant.key
    if outcome.status >= 500 or outcome.end in ("cut", "failed"):
        attributes["error.type"] = str(outcome.status) if outcome.status >= 500 else outcome.end
    return attributes


def model_attributes(outcome: Outcome) -> dict[str, Any]:
    """What the model's span says, by the conventions for generative models."""
    kind = COMPLETIONS.get(outcome.asked.path, "")
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": _OPERATIONS.get(kind, kind or "request"),
        "gen_ai.provider.name": "weighbridge",
        "gen_ai.request.model": outcome.asked.model,
        "gen_ai.response.model": outcome.model,
    }
    if outcome.asked.max_tokens is not None:
        attributes["gen_ai.request.max_tokens"] = outcome.asked.max_tokens
    if outcome.use is not None:
        attributes["gen_ai.usage.input_tokens"] = outcome.use.prompt
        attributes["gen_ai.usage.output_tokens"] = outcome.use.output
        attributes["gen_ai.usage.cache_read.input_tokens"] = outcome.use.cached
        attributes["weighbridge.usage.estimated"] = outcome.use.estimated
    return attributes


def _carrier(asked: Asked) -> dict[str, str]:
    """The headers by which a trace is continued, names in lower case."""
    return {
        name.decode(): value.decode("latin-1")
        for name, value in asked.headers
        if name in (b"traceparent", b"tracestate")
    }
