"""How far a model's next-token probabilities are from a reference's: a lower bound, by top-k.

A server tells the probabilities of its likeliest tokens only. Tokens that both models name keep
their own probability; all others together are one. Merging outcomes never makes a Kullback-Leibler
divergence larger (data processing), so what comes out is at most the true one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import ProtocolError, StatusError, WeighbridgeError
from weighbridge.core.http import HttpClient, Request, Timeouts

Logprobs = Mapping[int, float]

# What rounding leaves of a rest; raising it only lowers the bound.
_LEAST_REST: Final = 1e-6
_PATIENCE: Final = Timeouts(connect=5, first_byte=300, between_bytes=60, total=600)


class UnknownDivergenceError(WeighbridgeError):
    """A server does not tell what the divergence is computed from; all else can go on."""


@dataclass(frozen=True, slots=True)
class Forced:
    """A text that every model has to read token by token.

    Attributes:
        prompt: tokens of the rendered chat.
        answer: tokens of the reference's own answer.
        reference: its log-probabilities of the likeliest tokens at each place of the answer.
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    reference: tuple[Logprobs, ...]


@dataclass(frozen=True, slots=True)
class Divergence:
    """One text: sums over its places.

    Attributes:
        places: tokens of the answer that were compared.
        nats: lower bound of the divergence, summed.
        same_top: places at which both find the same token likeliest.
    """

    places: int
    nats: float
    same_top: int


def lower_bound(reference: Logprobs, other: Logprobs) -> float:
    """A lower bound of KL(reference ‖ other) in nats from what both told of one place.

    >>> round(lower_bound({1: math.log(0.5), 2: math.log(0.5)}, {1: math.log(0.25)}), 4)
    0.1438
    """
    both = reference.keys() & other.keys()
    total = sum(math.exp(reference[token]) * (reference[token] - other[token]) for token in both)
    rest = max(0.0, 1 - sum(math.exp(reference[token]) for token in both))
    if rest > _LEAST_REST:
        left = max(_LEAST_REST, 1 - sum(math.exp(other[token]) for token in both))
        total += rest * math.log(rest / left)
    return max(0.0, total)


def compared(reference: Sequence[Logprobs], other: Sequence[Logprobs]) -> Divergence:
    """All places of one text."""
    pairs = list(zip(reference, other, strict=True))
    return Divergence(
        len(pairs),
        sum(lower_bound(one, two) for one, two in pairs),
        sum(_top(one) == _top(two) for one, two in pairs),
    )


def _top(told: Logprobs) -> int:
    return max(told, key=lambda token: (told[token], -token))


class _Probability(msgspec.Struct):
    id: int
    logprob: float
    top_logprobs: list[_Probability] = []


class _Completion(msgspec.Struct):
    completion_probabilities: list[_Probability] = []


class _Tokens(msgspec.Struct):
    tokens: list[int]


class _Rendered(msgspec.Struct):
    prompt: str


@dataclass(frozen=True, slots=True)
class Prober:
    """Asks llama.cpp's server for probabilities.

    Attributes:
        top: how many tokens' probabilities are asked for at each place.
        most: longest part of an answer that is compared, in tokens.
    """

    client: HttpClient
    endpoint: Endpoint
    top: int = 100
    most: int = 32

    async def prompt(self, messages: Sequence[tuple[str, str]]) -> tuple[int, ...]:
        """The tokens of a conversation, as the server's own chat template renders it.

        Raises:
            UnknownDivergenceError: the server does not render or tokenize.
            EndpointError: nobody answers.
        """
        turns = [{"role": role, "content": content} for role, content in messages]
        rendered = await self._post("apply-template", {"messages": turns}, _Rendered)
        asked = {"content": rendered.prompt, "add_special": True, "parse_special": True}
        return tuple((await self._post("tokenize", asked, _Tokens)).tokens)

    async def reference(self, prompt: tuple[int, ...]) -> Forced:
        """The model's own likeliest answer with its probabilities.

        Raises:
            UnknownDivergenceError: the server tells no probabilities.
            EndpointError: nobody answers.
        """
        told = await self._told(prompt, self.most)
        return Forced(prompt, tuple(one.id for one in told), tuple(map(_table, told)))

    async def forced(self, text: Forced) -> tuple[Logprobs, ...]:
        """The probabilities at each place of a text that another model wrote.

        Raises:
            UnknownDivergenceError: the server tells no probabilities.
            EndpointError: nobody answers.
        """
        tables = []
        for place in range(len(text.answer)):
            told = await self._told((*text.prompt, *text.answer[:place]), 1)
            tables.append(_table(told[0]))
        return tuple(tables)

    async def _told(self, tokens: Sequence[int], count: int) -> list[_Probability]:
        body = {
            "prompt": list(tokens),
            "n_predict": count,
            "n_probs": self.top,
            "temperature": 0,
            "cache_prompt": True,
        }
        completion: _Completion = await self._post("completion", body, _Completion)
        told = completion.completion_probabilities
        if not told or not all(one.top_logprobs for one in told):
            raise UnknownDivergenceError("the server tells no probabilities of its tokens")
        return told

    async def _post(self, path: str, body: Mapping[str, Any], kind: type[Any]) -> Any:  # noqa: ANN401
        root = self.endpoint.base.path.rstrip("/").removesuffix("/v1")
        url = replace(self.endpoint.base, path=f"{root}/{path}")
        content = msgspec.json.encode({"model": self.endpoint.model, **body})
        request = Request("POST", url, self.endpoint.headers, content)
        response = await self.client.fetch(request, _PATIENCE)
        if response.head.status in (404, 405, 501):
            raise UnknownDivergenceError(f"the server has no /{path}, as llama.cpp's has")
        if response.head.status != 200:
            status = response.head.status
            raise StatusError(f"{url} answered {status}.", status=status)
        try:
            return msgspec.json.decode(response.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ProtocolError(f"{url} answered something other than llama.cpp does.") from None


def _table(told: _Probability) -> Logprobs:
    # Servers write the smallest number there is for a probability of zero.
    return {one.id: one.logprob for one in told.top_logprobs if one.logprob > -700}
