"""From the options of ``weigh bench`` to the settings of a load run."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli.options import Integers, Seconds
from weighbridge.core.errors import InputError

if TYPE_CHECKING:
    from weighbridge.core.traffic import Arrivals, LoadShape
    from weighbridge.measure.load.traffic.spec import WorkloadSpec
    from weighbridge.verbs.bench import BenchSettings

_USUAL_LEVELS = (1, 4, 8)
_LOADS = ("concurrency", "rate", "ramp", "trace")
_A_RATE = "requests that come at a rate: --rate or --ramp"


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """The options as the command line gives them; their help texts say what they mean."""

    concurrency: tuple[int, ...] | None
    rate: tuple[float, ...] | None
    ramp: float | None
    trace: Path | None
    speed: float
    arrivals: Arrivals
    burstiness: float
    max_in_flight: int | None
    requests: int | None
    duration: float | None
    repeats: int
    workload: str | None
    dataset: Path | None
    prompt_tokens: str | None
    max_tokens: str | None
    shared_prefix: int | None
    bust_cache: bool
    tokenizer: Path | None
    seed: int
    temperature: float
    ignore_eos: bool
    extra: str | None
    slo: str
    timeout: float
    total_timeout: float
    retries: int
    workers: str
    metrics: str


class Rates(click.ParamType[tuple[float, ...]]):
    """Positive numbers separated by commas."""

    name = "n,n,…"

    def convert(self, value: Any, param: object, ctx: object) -> tuple[float, ...]:  # noqa: ANN401, ARG002
        """Parse, or fail with a sentence."""
        if isinstance(value, tuple):
            return value
        try:
            rates = tuple(float(part) for part in value.split(","))
        except ValueError:
            rates = ()
        if not rates or not all(math.isfinite(rate) and rate > 0 for rate in rates):
            self.fail(f"{value!r} is not a list of rates above 0. Write for example 2,4,8.")
        return rates


def settings_of(options: BenchOptions, *, find_limit: bool = False) -> BenchSettings:
    """What the options ask for; of a search for the limit, the one shape says only how it comes.

    Raises:
        InputError: they contradict each other, or one cannot be read.
    """
    from weighbridge.core.http import Timeouts, parse_url  # noqa: PLC0415 -- not for --help
    from weighbridge.core.workload import parse_slo  # noqa: PLC0415
    from weighbridge.verbs.bench import BenchSettings  # noqa: PLC0415

    _refuse_idle(options, find_limit=find_limit)
    shapes = _searched(options) if find_limit else _shapes(options)
    metrics = None if options.metrics in ("auto", "off") else parse_url(options.metrics)
    return BenchSettings(
        shapes=shapes,
        workload=_workload(options),
        requests=_requests(options, shapes),
        duration_s=options.duration,
        slo=parse_slo(options.slo) if options.slo else None,
        repeats=options.repeats,
        workers=None if options.workers == "auto" else _workers(options.workers),
        timeouts=Timeouts(
            first_byte=options.timeout, between_bytes=options.timeout, total=options.total_timeout
        ),
        temperature=options.temperature,
        extra=_extra(options),
        wait_when_busy=options.retries,
        metrics=options.metrics != "off",
        metrics_url=metrics,
        command=shlex.join(["weigh", *_repeatable(sys.argv[1:])]),
    )


def _given(options: BenchOptions, *names: str) -> list[str]:
    """Those of the options that were given, as they are written."""
    return [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) is not None]


def _refuse_idle(options: BenchOptions, *, find_limit: bool) -> None:
    """Refuse options that contradict each other, or that would have no effect."""
    loads = _given(options, *_LOADS)
    if len(loads) > 1:
        raise InputError(f"{' and '.join(loads)} exclude each other.", fix="Choose one.")
    if len(_given(options, "requests", "duration")) > 1:
        raise InputError("--requests and --duration exclude each other.", fix="Choose one.")
    if find_limit:
        idle = _given(options, *_LOADS, "requests", "duration", "max_in_flight")
        if idle:
            raise InputError(
                f"--find-limit chooses rates and requests itself, so {idle[0]} would do nothing.",
                fix="Leave it out.",
            )
        if not options.slo:
            raise InputError(
                "--find-limit needs conditions to hold.", fix="Give --slo 'ttft_p95<500ms'."
            )
    has_rate = options.rate is not None or options.ramp is not None or find_limit
    needs = (
        ("--max-in-flight", options.max_in_flight is not None, has_rate or options.trace, _A_RATE),
        ("--arrivals", options.arrivals != "poisson", has_rate, _A_RATE),
        (
            "--burstiness",
            options.burstiness != 1.0,
            options.arrivals == "gamma",
            "--arrivals gamma",
        ),
        ("--speed", options.speed != 1.0, options.trace, "--trace"),
    )
    for name, is_given, is_of_use, what in needs:
        if is_given and not is_of_use:
            raise InputError(f"{name} needs {what}.", fix="Add that, or leave it out.")


def _searched(options: BenchOptions) -> tuple[LoadShape, ...]:
    from weighbridge.core.traffic import LoadShape  # noqa: PLC0415

    return (LoadShape("open", arrivals=options.arrivals, burstiness=options.burstiness),)


def _shapes(options: BenchOptions) -> tuple[LoadShape, ...]:
    from weighbridge.core.traffic import LoadShape  # noqa: PLC0415

    most, arrivals, burstiness = options.max_in_flight, options.arrivals, options.burstiness
    if options.rate:
        return tuple(LoadShape("open", most, rate, arrivals, burstiness) for rate in options.rate)
    if options.ramp is not None:
        return (LoadShape("ramp", most, options.ramp, arrivals, burstiness),)
    if options.trace is not None:
        return (LoadShape("replay", most, speed=options.speed),)
    # Nobody asked for the usual levels: those are left out that the requests do not occupy.
    most_users = options.requests or max(_USUAL_LEVELS)
    usual = tuple(users for users in _USUAL_LEVELS if users <= most_users)
    return tuple(LoadShape("closed", users) for users in options.concurrency or usual)


def _requests(options: BenchOptions, shapes: Sequence[LoadShape]) -> int | None:
    users = max((shape.concurrency or 0 for shape in shapes if shape.kind == "closed"), default=0)
    if options.requests is not None and options.requests < users:
        raise InputError(
            f"{options.requests} requests do not occupy {users} users: the level would measure "
            "fewer.",
            fix=f"Give at least --requests {users}.",
        )
    return options.requests


def _workload(options: BenchOptions) -> WorkloadSpec:
    from weighbridge.measure.load.traffic.lengths import parse_lengths  # noqa: PLC0415
    from weighbridge.measure.load.traffic.presets import preset  # noqa: PLC0415
    from weighbridge.measure.load.traffic.spec import WorkloadSpec, from_preset  # noqa: PLC0415

    spec = from_preset(preset(options.workload)) if options.workload else WorkloadSpec()
    if options.prompt_tokens is not None:
        spec = replace(spec, prompt=parse_lengths(options.prompt_tokens))
    if options.max_tokens is not None:
        plain = options.max_tokens.isdecimal()
        spec = (
            replace(spec, max_tokens=int(options.max_tokens))
            if plain
            else replace(spec, output=parse_lengths(options.max_tokens))
        )
    return replace(
        spec,
        dataset=options.dataset,
        trace=options.trace,
        shared_prefix=(
            spec.shared_prefix if options.shared_prefix is None else options.shared_prefix
        ),
        bust_cache=options.bust_cache,
        tokenizer=options.tokenizer,
        seed=options.seed,
    )


def _extra(options: BenchOptions) -> dict[str, Any]:
    extra: dict[str, Any] = {"ignore_eos": True} if options.ignore_eos else {}
    if options.extra is None:
        return extra
    fix = """Write for example --extra-body '{"top_p": 0.9}'."""
    try:
        more = json.loads(options.extra)
    except ValueError as error:
        raise InputError(f"--extra-body is not JSON: {error}.", fix=fix) from None
    if not isinstance(more, Mapping):
        raise InputError("--extra-body is not a JSON object.", fix=fix)
    return extra | dict(more)


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise InputError(
            f"{text!r} is no number of worker processes.", fix="Write auto, or a number up to 256."
        )
    return int(text)


def _repeatable(words: Sequence[str]) -> list[str]:
    """The command line without the endpoint's key, and without where results went on this host."""
    kept: list[str] = []
    skip = False
    for word in words:
        name, equals, _ = word.partition("=")
        if skip:
            skip = False
        elif name in _PRIVATE:
            skip = not equals
        else:
            kept.append(word)
    return kept


_PRIVATE = ("--key", "--workspace", "--html", "--raw")
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_LOAD_OPTIONS = [
    click.option(
        "--concurrency",
        type=Integers(),
        help="Users that send at once, a level for each number.  [default: 1,4,8, as far as "
        "--requests goes]",
    ),
    click.option("--rate", type=Rates(), help="Requests per second instead, a level for each."),
    click.option(
        "--ramp",
        type=click.FloatRange(0, min_open=True),
        help="A rate that grows evenly up to this instead.",
    ),
    click.option("--trace", type=_FILE, help="Recorded arrivals and lengths, replayed instead."),
    click.option(
        "--speed",
        type=click.FloatRange(0, min_open=True),
        default=1.0,
        help="How much faster than recorded.",
        show_default=True,
    ),
    click.option(
        "--arrivals",
        type=click.Choice(["poisson", "constant", "gamma"]),
        default="poisson",
        show_default=True,
        help="How the requests of a rate come.",
    ),
    click.option(
        "--burstiness",
        type=click.FloatRange(0, min_open=True),
        default=1.0,
        help="Of gamma arrivals: squared variation of the gaps; 1 is Poisson.",
        show_default=True,
    ),
    click.option(
        "--max-in-flight",
        type=click.IntRange(1),
        help="At most so many of a rate; further ones wait.",
    ),
    click.option(
        "--requests", type=click.IntRange(1), help="Per level.  [default: 60, or 3 for each user]"
    ),
    click.option("--duration", type=Seconds(), help="Seconds per level, instead of --requests."),
    click.option(
        "--repeats", type=click.IntRange(1, 100), default=1, help="Measure every level so often."
    ),
    click.option("--workload", help="What is sent: chat, rag, agent, … (docs/workloads.md)"),
    click.option(
        "--prompts", "--dataset", "dataset", type=_FILE, help="Prompts or conversations to send."
    ),
    click.option(
        "--prompt-tokens", metavar="LENGTHS", help="Of prompts: 512, 512±20%, lognormal:512,0.6, …"
    ),
    click.option(
        "--max-tokens",
        "--output-tokens",
        "max_tokens",
        metavar="LENGTHS",
        help="Of answers.  [default: 64]",
    ),
    click.option(
        "--shared-prefix", type=click.IntRange(0), help="Tokens with which all prompts begin."
    ),
    click.option("--bust-cache", is_flag=True, help="Put different words before recorded prompts."),
    click.option(
        "--tokenizer",
        type=click.Path(path_type=Path, exists=True),
        help="tokenizer.json that makes and counts lengths exactly.",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Of all that is random."),
    click.option(
        "--temperature",
        type=click.FloatRange(0),
        default=0.0,
        show_default=True,
        help="Of sampling.",
    ),
    click.option("--ignore-eos", is_flag=True, help="Ask for answers of full length."),
    click.option("--extra-body", "extra", metavar="JSON", help="Further keys of each request."),
    click.option("--slo", default="", help="Conditions, e.g. 'ttft_p95<500ms,tpot_p95<40ms'."),
    click.option(
        "--timeout",
        type=Seconds(),
        default=60.0,
        show_default=True,
        help="Longest silence of the server in seconds.",
    ),
    click.option(
        "--total-timeout",
        type=Seconds(),
        default=600.0,
        show_default=True,
        help="Longest answer in seconds.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(0, 20),
        default=0,
        help="After 429 or 503 wait as asked and send again; by default such are errors.",
    ),
    click.option(
        "--workers", default="auto", show_default=True, help="Processes that send the requests."
    ),
    click.option(
        "--metrics",
        default="auto",
        show_default=True,
        metavar="URL|off",
        help="The engine's own metrics, with the GPUs'.",
    ),
]


def load_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a load, in the order of the help text."""
    for option in reversed(_LOAD_OPTIONS):
        command = option(command)
    return command
