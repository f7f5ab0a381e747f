"""The lower bound of a divergence against the true one, of random distributions."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest

from weighbridge.core.effects import EngineSpec
from weighbridge.engines.llamacpp_embedded import EmbeddedLlamaCpp
from weighbridge.measure.evals.divergence import (
    Forced,
    Logprobs,
    Prober,
    compared,
    lower_bound,
)
from weighbridge.verbs.demo import data_folder
from weighbridge.wire.client import Client

QUESTIONS = [f"What is {a} + {a + 4}?" for a in range(11, 17)]


def logs(values: np.ndarray, keep: int) -> dict[int, float]:
    """The likeliest tokens' log-probabilities, as a server tells them."""
    order = np.argsort(-values)[:keep]
    return {int(token): math.log(values[token]) for token in order}


def pair(generator: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    p = generator.dirichlet(np.full(size, 0.3)) + 1e-9
    q = p * np.exp(generator.normal(0, 0.7, size))
    return p / p.sum(), q / q.sum()


def test_with_all_tokens_it_is_the_divergence_itself() -> None:
    generator = np.random.default_rng(3)
    for _ in range(50):
        p, q = pair(generator, 40)
        true = float((p * np.log(p / q)).sum())
        assert lower_bound(logs(p, 40), logs(q, 40)) == pytest.approx(true, abs=1e-6)


def test_with_fewer_it_is_below_and_grows_with_what_is_told() -> None:
    generator = np.random.default_rng(4)
    means = []
    for keep in (1, 5, 20, 40):
        found = []
        for _ in range(200):
            p, q = pair(generator, 40)
            bound = lower_bound(logs(p, keep), logs(q, keep))
            assert 0 <= bound <= float((p * np.log(p / q)).sum()) + 1e-6
            found.append(bound)
        means.append(sum(found) / len(found))
    assert means == sorted(means)
    assert means[0] < 0.7 * means[-1]


def test_tokens_that_only_one_of_them_names_are_in_the_rest() -> None:
    p, q = {1: math.log(0.6), 2: math.log(0.3)}, {1: math.log(0.5), 3: math.log(0.4)}
    by_hand = 0.6 * math.log(0.6 / 0.5) + 0.4 * math.log(0.4 / 0.5)
    assert lower_bound(p, q) == pytest.approx(by_hand)


def test_places_are_summed_and_the_likeliest_tokens_compared() -> None:
    one = {1: math.log(0.6), 2: math.log(0.4)}
    other = {1: math.log(0.4), 2: math.log(0.6)}
    found = compared((one, one), (one, other))
    assert (found.places, found.same_top) == (2, 1)
    assert found.nats == pytest.approx(0.2 * math.log(1.5))


def test_llamacpp_tells_the_whole_distribution_and_fewer_tokens_only_lower_the_bound() -> None:
    pytest.importorskip("xllamacpp")

    async def probed(top: int) -> tuple[list[Forced], list[tuple[Logprobs, ...]]]:
        async with Client() as client:
            launcher = EmbeddedLlamaCpp(client)
            texts, others = [], []
            for name in ("f16", "q4_0"):
                path = data_folder() / "models" / f"porter-{name}.gguf"
                engine = await launcher.launch(EngineSpec("porter", str(path), 256, 1, 1), 60)
                try:
                    prober = Prober(client, engine.endpoint, top, most=12)
                    if name == "f16":
                        for question in QUESTIONS:
                            prompt = await prober.prompt([("user", question)])
                            texts.append(await prober.reference(prompt))
                    else:
                        others = [await prober.forced(text) for text in texts]
                finally:
                    await engine.stop()
            return texts, others

    texts, others = asyncio.run(probed(512))  # its whole vocabulary
    for table in (*texts[0].reference, *others[0]):
        assert sum(map(math.exp, table.values())) == pytest.approx(1, abs=1e-3)
    true = sum(compared(t.reference, o).nats for t, o in zip(texts, others, strict=True))
    few_texts, few_others = asyncio.run(probed(4))
    assert [text.answer for text in few_texts] == [text.answer for text in texts]
    few = sum(compared(t.reference, o).nats for t, o in zip(few_texts, few_others, strict=True))
    assert 0 < few <= true
