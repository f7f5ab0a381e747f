from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.gateway import Asked, TokenUse
from weighbridge.core.routing import Price
from weighbridge.serve.budgets.cost import UNSAID_OUTPUT, Amount, at_most, cost

PRICE = Price(prompt=1.0, output=4.0, cached=0.25)
CHAT = Asked(path="/v1/chat/completions", model="m", prompt_tokens=100)


def test_cached_tokens_cost_less_where_that_is_said() -> None:
    use = TokenUse(prompt=1000, output=10, cached=800)
    assert cost(use, PRICE) == Amount(200_000 + 200_000 + 40_000, 1010)
    assert cost(use, Price(prompt=1.0, output=4.0)) == Amount(1_040_000, 1010)


def test_without_a_price_tokens_still_count() -> None:
    assert cost(TokenUse(prompt=3, output=4), None) == Amount(0, 7)


def test_a_part_of_a_nano_dollar_is_a_whole_one() -> None:
    assert cost(TokenUse(prompt=1, output=0), Price(prompt=0.0001)).nano == 1
    assert cost(TokenUse(prompt=3, output=0), Price(prompt=0.1)).nano == 300


def test_a_server_that_reports_nonsense_breaks_nothing() -> None:
    assert cost(TokenUse(prompt=-5, output=-1, cached=9), PRICE) == Amount(0, 0)
    huge = cost(TokenUse(prompt=10**40, output=10**40), PRICE)
    assert huge.nano < 2**62
    assert huge.tokens < 2**62


def test_the_most_is_what_was_asked_for_or_what_the_context_holds() -> None:
    asked = Asked(path=CHAT.path, model="m", prompt_tokens=100, max_tokens=50)
    assert at_most(asked, 4096).output == 50
    assert at_most(asked, 120).output == 20
    assert at_most(asked, None).output == 50
    assert at_most(CHAT, 4096).output == 3996
    assert at_most(CHAT, 64).output == 0
    assert at_most(CHAT, None).output == UNSAID_OUTPUT


def test_embeddings_generate_nothing() -> None:
    asked = Asked(path="/v1/embeddings", model="m", prompt_tokens=100)
    assert at_most(asked, 4096) == TokenUse(prompt=100, output=0, estimated=True)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_using_less_never_costs_more(prompt: int, output: int, cached: int) -> None:
    full = cost(TokenUse(prompt=prompt + 1, output=output + 1), PRICE)
    part = cost(TokenUse(prompt=prompt, output=output, cached=cached), PRICE)
    assert part.nano <= full.nano
    assert part.tokens < full.tokens
