"""The requests of a simulation: drawn from a workload's description, or read from a recording."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, Final, Literal

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.workload import Request, Workload

_COLUMNS: Final = ("arrival_s", "prompt_tokens", "output_tokens")
# A lognormal has no upper end; four deviations out is one request in thirty thousand.
_FARTHEST: Final = 4.0


def generate(workload: Workload, count: int, seed: int = 0) -> tuple[Request, ...]:
    """``count`` requests as a workload describes them, the same for the same seed.

    In a closed loop they all are there from the beginning: who sends when, the simulation decides.

    Raises:
        InputError: the workload describes none that could be served.
    """
    check(workload, count)
    # Lengths and arrivals each have a generator, so that one may change without the other.
    lengths = random.Random(f"lengths {seed}")  # noqa: S311 -- repeatable, and no secret
    gaps = random.Random(f"gaps {seed}")  # noqa: S311
    requests = []
    for arrival_s in _arrivals(workload, count, gaps):
        prompt = _length(workload.prompt_tokens, workload.prompt_spread, workload.lengths, lengths)
        output = _length(workload.output_tokens, workload.output_spread, workload.lengths, lengths)
        requests.append(Request(arrival_s, prompt, output))
    return _within(requests, workload)


def check(workload: Workload, count: int = 1) -> None:
    """Refuse workloads that describe nothing.

    Raises:
        InputError: in the user's words, which number is at fault.
    """
    rate = workload.requests_per_s
    whole = {
        "The number of requests": count,
        "The prompt": workload.prompt_tokens,
        "The answer": workload.output_tokens,
        "The number of users": workload.users if rate is None else 1,
    }
    for what, number in whole.items():
        if number < 1:
            raise InputError(f"{what} must be at least 1, not {number}.", fix="Give more.")
    if rate is not None and not (0 < rate < math.inf):
        raise InputError(
            f"{rate:g} requests per second never arrive.", fix="Give a positive finite rate."
        )
    if not 0 <= workload.prefix_share <= 1:
        raise InputError(
            f"The shared part of a prompt cannot be {workload.prefix_share:g} of it.",
            fix="Give a number from 0 to 1.",
        )
    for name in ("prompt_spread", "output_spread", "think_s"):
        value = getattr(workload, name)
        if not 0 <= value < math.inf:
            raise InputError(f"{name} is {value:g}.", fix="Give zero or a positive number.")
    widest = max(workload.prompt_spread, workload.output_spread)
    if workload.lengths == "uniform" and widest * math.sqrt(3) > 1:
        raise InputError(
            f"Uniform lengths with a spread of {widest:g} would fall below zero.",
            fix="Give a spread of at most 0.57, or lognormal lengths.",
        )


def parse_trace(text: str, name: str = "the trace") -> tuple[Request, ...]:
    """Recorded requests in the order of their arrival: JSON Lines, or CSV with a header.

    Each has ``arrival_s``, ``prompt_tokens`` and ``output_tokens``; other columns are ignored.
    Arrivals are counted from the first.

    Raises:
        FormatError: something of that is missing or no number.
    """
    read = _json_lines if text.lstrip().startswith("{") else _csv_rows
    requests = [_request(row, f"{name}, line {line}") for line, row in read(text, name)]
    if not requests:
        raise FormatError(f"{name} has no requests.", fix=f"Each line needs {', '.join(_COLUMNS)}.")
    requests.sort(key=lambda request: request.arrival_s)
    first = requests[0].arrival_s
    return tuple(Request(r.arrival_s - first, r.prompt_tokens, r.output_tokens) for r in requests)


def _within(requests: list[Request], workload: Workload) -> tuple[Request, ...]:
    """Requests no longer than the context that the user set, where one was set."""
    if not workload.context:
        return tuple(requests)
    fitted = []
    for one in requests:
        prompt = min(one.prompt_tokens, max(1, workload.longest - workload.output_tokens))
        output = min(one.output_tokens, max(1, workload.longest - prompt))
        fitted.append(Request(one.arrival_s, prompt, output))
    return tuple(fitted)


def _length(
    mean: int, spread: float, shape: Literal["lognormal", "uniform"], source: random.Random
) -> int:
    if spread == 0:
        return mean
    if shape == "uniform":
        half = mean * spread * math.sqrt(3)
        return max(1, round(source.uniform(mean - half, mean + half)))
    deviation = math.sqrt(math.log1p(spread**2))
    normal = max(-_FARTHEST, min(_FARTHEST, source.gauss(0.0, 1.0)))
    return max(1, round(mean * math.exp(deviation * normal - deviation**2 / 2)))


def _arrivals(workload: Workload, count: int, source: random.Random) -> list[float]:
    """When requests come, the first at 0.

    Random ones are stretched to have the mean rate that was asked for: a sample that happens to be
    faster would make an engine look slower than it is.
    """
    rate = workload.requests_per_s
    if rate is None:
        return [0.0] * count
    if workload.arrivals == "even":
        return [place / rate for place in range(count)]
    times = list(accumulate(source.expovariate(1.0) for _ in range(count)))
    stretch = count / rate / times[-1]
    return [0.0, *(time * stretch for time in times[:-1])]


def _json_lines(text: str, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise FormatError(f"{name}, line {number} is not JSON: {error}.") from error
        if not isinstance(row, dict):
            raise FormatError(f"{name}, line {number} is not a JSON object.")
        yield number, row


def _csv_rows(text: str, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text))
    missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise FormatError(
            f"{name} has no column {', '.join(missing)}.",
            fix=f"The first line must name {', '.join(_COLUMNS)}.",
        )
    for row in reader:
        yield reader.line_num, row


def _request(row: Mapping[str, Any], where: str) -> Request:
    numbers = []
    for column in _COLUMNS:
        try:
            number = float(row[column])
        except (KeyError, TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or (column != "arrival_s" and number < 1):
            wanted = "a number" if column == "arrival_s" else "a number from 1 on"
            raise FormatError(f"{where}: {column} is {row.get(column)!r}, not {wanted}.")
        numbers.append(number)
    return Request(numbers[0], round(numbers[1]), round(numbers[2]))
