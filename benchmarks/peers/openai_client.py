"""A closed loop by the openai SDK, as its documentation streams.

    python openai_client.py URL CONCURRENCY REQUESTS TOKENS

Prints JSON: TTFT of each request and all gaps between tokens, in ms.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import pairwise
from time import perf_counter

from openai import AsyncOpenAI

PROMPT = "Describe the harbour of town {} in a few sentences."


async def ask(client: AsyncOpenAI, number: int, tokens: int) -> tuple[float, list[float]]:
    """One request: when it was sent, and when each token was understood."""
    sent = perf_counter()
    stream = await client.chat.completions.create(
        model="precise",
        messages=[{"role": "user", "content": PROMPT.format(number)}],
        max_tokens=tokens,
        stream=True,
        stream_options={"include_usage": True},
    )
    stamps = [
        perf_counter() async for chunk in stream if chunk.choices and chunk.choices[0].delta.content
    ]
    return sent, stamps


async def main(url: str, concurrency: int, requests: int, tokens: int) -> None:
    """Run the closed loop and print what was seen."""
    ttft: list[float] = []
    gaps: list[float] = []
    numbers = iter(range(requests))

    async def user() -> None:
        for number in numbers:
            sent, stamps = await ask(client, number, tokens)
            ttft.append(1000 * (stamps[0] - sent))
            gaps.extend(1000 * (b - a) for a, b in pairwise(stamps))

    async with AsyncOpenAI(base_url=url, api_key="none", timeout=600) as client:
        await asyncio.gather(*(user() for _ in range(concurrency)))
    print(json.dumps({"ttft_ms": ttft, "itl_ms": gaps}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
