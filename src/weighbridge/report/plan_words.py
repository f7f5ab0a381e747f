"""What a plan says, in words: the decision, its reasons, and how its figures are written."""

from __future__ import annotations

from weighbridge.core.candidate import Candidate, Estimate
from weighbridge.core.estimate import Settings
from weighbridge.core.plan import Order, Plan
from weighbridge.core.provenance import Interval
from weighbridge.predict.search.verdict import cache_text, label_of, needed_bytes, tokens_text
from weighbridge.report.numbers import number

_SPACE = "\N{NO-BREAK SPACE}"
_DASH = "\N{EN DASH}"
ENGINES = {
    "vllm": "vLLM", "sglang": "SGLang", "trtllm": "TensorRT-LLM", "llama.cpp": "llama.cpp",
}  # fmt: skip
ORDERS: dict[Order, str] = {
    "quality": "quality",
    "tpot": "time per token",
    "ttft": "time to first token",
    "throughput": "throughput",
    "memory": "memory",
    "users": "room for users",
    "cost": "cost",
}


def milliseconds(value: float) -> str:
    """A time, short ones in ms and long ones in s."""
    if value >= 10_000:
        return f"{number(value / 1000)}{_SPACE}s"
    return f"{number(value)}{_SPACE}ms"


def span(interval: Interval) -> str:
    """The ends of an interval, without unit."""
    return f"{number(interval.low)}{_DASH}{number(interval.high)}"


def memory_needed(one: Estimate) -> Interval | None:
    """What all users need of the fullest device, in bytes."""
    return None if one.memory is None else needed_bytes(one.memory, one.candidate.settings)


def needs(one: Estimate) -> Interval | None:
    """Bytes that all devices together need for all users, not those that an engine fills."""
    need, count = memory_needed(one), one.candidate.devices
    if need is None:
        return None
    return Interval(need.value * count, need.low * count, need.high * count, need.level)


def cost(one: Estimate) -> Interval | None:
    """EUR per million tokens of output; None without a price. It is uncertain as tokens/s are."""
    eur, tokens = one.eur_per_million_tokens, one.tokens_per_s
    if eur is None or tokens is None or tokens.low <= 0:
        return None
    return Interval(
        eur, eur * tokens.value / tokens.high, eur * tokens.value / tokens.low, tokens.level
    )


def short_name(candidate: Candidate) -> str:
    """A model without its owner, and its format."""
    return f"{candidate.model.rpartition('/')[2]} {candidate.quantization}"


def engine_text(settings: Settings) -> str:
    """The engine as it spells itself, with its version if one was given."""
    return f"{ENGINES[settings.engine.name]} {settings.engine.version}".rstrip()


def spread_text(candidate: Candidate) -> str:
    """How a model is spread over devices: ``TP2 × 4 replicas``; one device is nothing to tell."""
    spread = candidate.settings.parallelism
    sizes = {"TP": spread.tensor, "PP": spread.pipeline, "EP": spread.expert}
    parts = [f"{name}{count}" for name, count in sizes.items() if count > 1]
    if spread.attention_data > 1:
        parts.append(f"DP attention {spread.attention_data}")
    if candidate.replicas > 1:
        parts.append(f"{candidate.replicas} replicas")
    return " · ".join(parts)


def settings_text(settings: Settings) -> str:
    """What else the engine is told that matters to the result."""
    parts = [f"{cache_text(settings)} KV cache"]
    if settings.utilisation is not None:
        parts.append(f"{settings.utilisation * 100:.3g}{_SPACE}% of the memory")
    if settings.offload.gpu_layers is not None:
        parts.append(f"{settings.offload.gpu_layers} layers on the GPU")
    if settings.offload.cpu_expert_layers:
        parts.append(f"experts of {settings.offload.cpu_expert_layers} layers in the host's memory")
    if settings.speculative_tokens:
        parts.append(f"guesses {settings.speculative_tokens} tokens ahead")
    return ", ".join(parts)


def asked_text(plan: Plan) -> str:
    """What was asked: ``8 users at 16k, 1024 + 256 tokens, ttft_p95<500ms``."""
    load = plan.requirements.workload
    rate = load.requests_per_s
    arrive = f"{number(rate)} requests per second" if rate else _users(load.users)
    parts = [
        f"{arrive} at {tokens_text(load.longest)} context",
        f"{load.prompt_tokens:,} + {load.output_tokens:,} tokens per request",
    ]
    if plan.requirements.slo.bounds:
        parts.append(str(plan.requirements.slo).replace(",", ", "))
    if plan.task:
        parts.append(f"for {plan.task}")
    return ", ".join(parts)


def headline(plan: Plan) -> str:
    """The decision."""
    winner = plan.winner
    if winner is None:
        return f"Nothing meets all of it on {plan.machine.label}."
    chosen = winner.candidate
    text = f"Serve {short_name(chosen)} with {engine_text(chosen.settings)}"
    if chosen.devices < plan.machine.count:
        text += f" on {chosen.devices} of {plan.machine.count} devices"
    elif plan.machine.count > 1:
        text += f" on {plan.machine.label}"
    return f"{text}."


def why(plan: Plan) -> str:
    """Why it is the one, or what comes closest where there is none."""
    weighed = f"{plan.considered:,} ways to serve {plan.models:,} models"
    winner = plan.winner
    if winner is None:
        return f"None of {weighed} does. {_closest(plan)}"
    others = "the only one" if len(plan.ranked) == 1 else f"the first by {ORDERS[plan.order]}"
    sentence = f"Of {weighed}, it is {others} that meets what was asked"
    if winner.quality is not None and plan.order == "quality" and len(plan.ranked) > 1:
        kind = winner.quality.provenance.kind
        sentence += (
            "; quality is assumed, by size order" if kind == "assumed" else f"; quality is {kind}"
        )
    doubts = "".join(f" In doubt: {reason.rstrip('.')}." for reason in winner.reasons)
    return f"{sentence}.{doubts}"


def result_line(plan: Plan) -> str:
    """The outcome in a line, for those who hear the page change."""
    count = len(plan.ranked)
    if not count:
        return "Nothing meets it."
    models = "1 model meets it" if count == 1 else f"{count} ways meet it"
    first = label_of(plan.ranked[0].candidate)
    return f"{models}; first: {first}."


def _closest(plan: Plan) -> str:
    if not plan.near_misses:
        return "No single change would help; the reasons are listed with each model."
    near = plan.near_misses[0]
    changes = " or ".join(near.changes)
    return f"Closest: {label_of(near.estimate.candidate)}, which would meet it with {changes}."


def _users(count: int) -> str:
    return "1 user" if count == 1 else f"{count:,} users"
