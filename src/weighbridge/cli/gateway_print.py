"""A running gateway on the terminal: its models, then figures, routes, budgets and messages."""

from __future__ import annotations

from weighbridge.cli.tables import print_facts, print_table
from weighbridge.core.gateway import GatewayView, ModelView
from weighbridge.report import gateway_words as words

_ROUTES = 10
_SENTENCES = 5


def print_gateway(view: GatewayView) -> None:
    """Everything, for people."""
    place = f"{', '.join(view.listen)}, up {words.duration(view.uptime_s)}"
    columns = ["<model", "<state", "<memory", "in flight", "waiting", "TTFT", "tokens/s", "idle"]
    rows = [_row(one) for one in view.models]
    notes = [f"{one.model}: {one.detail}" for one in view.models if one.detail]
    narrow = (["<model", "<state", "<memory", "busy", "TTFT", "tokens/s"], _short(view))
    print_table(f"Gateway at {place}", columns, rows, caption="; ".join(notes), shorter=[narrow])
    print_facts("Of late", _facts(view))
    if view.routes:
        print_table(
            "Routes taken",
            ["<why", "<answered by", "requests"],
            [[one.why, one.model, f"{one.requests:,}"] for one in view.routes[:_ROUTES]],
        )
    if view.budgets:
        print_table(
            "Budgets",
            ["<budget", "<keys", "money", "tokens", "<until"],
            [
                [
                    one.name,
                    ", ".join(one.keys),
                    words.usd_text(one),
                    words.tokens_text(one),
                    one.until or "for ever",
                ]
                for one in view.budgets
            ],
        )
    if view.recent:
        told = [("", sentence) for sentence in view.recent[-_SENTENCES:]]
        print_facts("Recent messages", told)


def _row(one: ModelView) -> list[str]:
    speed = one.output_tokens_per_s
    state: str = one.state
    if words.replicas_text(one):
        state += f", {words.replicas_text(one)}"
    return [
        one.model,
        state,
        words.memory_text(one),
        str(one.in_flight),
        str(one.queued),
        words.milliseconds(None if one.ttft_s is None else 1000 * one.ttft_s),
        words.DASH if speed is None else words.rate(speed),
        words.DASH if one.in_flight or one.queued else words.duration(one.idle_s),
    ]


def _short(view: GatewayView) -> list[list[str]]:
    """The same for terminals of 80 columns: memory in lines, and no idle times."""
    rows = []
    for one in view.models:
        model, state, memory, in_flight, queued, ttft, speed, _ = _row(one)
        busy = f"{in_flight}\n{queued} wait" if one.queued else in_flight
        lines = memory.replace(" of ", "\nof ").replace(" when", "\nwhen")
        lines = lines.replace(", over the ", "\nover the\n")
        lines = lines.replace(" gateway", "\ngateway").replace(", ", "\n")
        rows.append(
            [
                model,
                state.replace(", ", "\n").replace(" servers", "\nservers"),
                lines,
                busy,
                ttft,
                speed,
            ]
        )
    return rows


def _facts(view: GatewayView) -> list[tuple[str, str]]:
    facts = [
        ("requests/s", f"{words.rate(view.requests_per_s)}, {view.in_flight} in flight"),
        ("tokens/s", words.rate(view.tokens_per_s)),
        ("TTFT", _percentiles(view.ttft_ms)),
        ("duration", _percentiles(view.duration_ms)),
        ("requests", f"{view.requests:,}, {view.errors:,} of them failed"),
        ("memory", words.budget_text(view)),
    ]
    if view.config_error:
        facts.append(("configuration", f"the one on disk is not in use: {view.config_error}"))
    return facts


def _percentiles(values: tuple[float, ...]) -> str:
    if len(values) != 3:
        return words.percentiles_text(values)
    return f"p50 {words.milliseconds(values[0])}, {words.percentiles_text(values)}"
