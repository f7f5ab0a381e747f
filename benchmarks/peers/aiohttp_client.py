"""A closed loop by bare aiohttp: what a careful person would write in twenty minutes.

    python aiohttp_client.py URL CONCURRENCY REQUESTS TOKENS

Prints JSON: TTFT of each request and all gaps between tokens, in ms.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import pairwise
from time import perf_counter

import aiohttp

PROMPT = "Describe the harbour of town {} in a few sentences."


async def ask(
    session: aiohttp.ClientSession, url: str, number: int, tokens: int
) -> tuple[float, list[float]]:
    """One request: when it was sent, and when each token was understood."""
    body = {
        "model": "precise",
        "messages": [{"role": "user", "content": PROMPT.format(number)}],
        "max_tokens": tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    stamps: list[float] = []
    sent = perf_counter()
    async with session.post(f"{url}/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.content:
            if not line.startswith(b"data: {"):
                continue
            choices = json.loads(line[6:])["choices"]
            if choices and choices[0]["delta"].get("content"):
                stamps.append(perf_counter())
    return sent, stamps


async def main(url: str, concurrency: int, requests: int, tokens: int) -> None:
    """Run the closed loop and print what was seen."""
    ttft: list[float] = []
    gaps: list[float] = []
    numbers = iter(range(requests))

    async def user() -> None:
        for number in numbers:
            sent, stamps = await ask(session, url, number, tokens)
            ttft.append(1000 * (stamps[0] - sent))
            gaps.extend(1000 * (b - a) for a, b in pairwise(stamps))

    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await asyncio.gather(*(user() for _ in range(concurrency)))
    print(json.dumps({"ttft_ms": ttft, "itl_ms": gaps}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
