from __future__ import annotations

import heapq
import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.gateway import Asked
from weighbridge.serve.routing.balance import BALANCE, PowerOfTwo
from weighbridge.serve.routing.breaker import RULES


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def replicas(count: int) -> list[Endpoint]:
    return [endpoint_at(f"http://127.0.0.1:{9000 + n}", "tally") for n in range(count)]


def asked(prefix: int = 0) -> Asked:
    return Asked("/v1/chat/completions", "tally", prefix=prefix)


def balancer(time: Time | None = None, seed: int = 7) -> PowerOfTwo:
    return PowerOfTwo(time or Time(), draw=random.Random(seed).random)  # noqa: S311 -- a simulation


def simulate(
    count: int, requests: int, *, prefixes: int, seed: int
) -> tuple[float, float, Counter[tuple[int, Endpoint]]]:
    """Mean and worst over time of the busiest replica's tokens over the mean, and who went where.

    Requests of very different lengths come at random to replicas that each work off tokens at the
    same rate for all requests together.
    """
    draw = random.Random(seed)  # noqa: S311 -- a simulation
    time = Time()
    pool, balance = replicas(count), balancer(time, seed)
    ends: list[tuple[float, int, Endpoint, int]] = []
    free_at = dict.fromkeys(pool, 0.0)
    ratios, where = [], Counter[tuple[int, Endpoint]]()
    mean_tokens = 1000.0
    for number in range(requests):
        time.now += draw.expovariate(0.8 * count / mean_tokens)  # replicas are busy 80 % of it
        while ends and ends[0][0] <= time.now:
            _, _, done, worked = heapq.heappop(ends)
            balance.ended(done, worked, failed=False, ttft_s=0.1)
        tokens = int(min(8 * mean_tokens, draw.expovariate(1 / mean_tokens))) + 1
        prefix = draw.randrange(1, prefixes + 1) if prefixes else 0
        endpoint = balance.pick(pool, asked(prefix * 7919 if prefix else 0), ())
        assert endpoint is not None
        where[prefix, endpoint] += 1
        balance.began(endpoint, tokens)
        free_at[endpoint] = max(free_at[endpoint], time.now) + tokens
        heapq.heappush(ends, (free_at[endpoint], number, endpoint, tokens))
        loads = [balance.outstanding(one) for one in pool]
        ratios.append(max(loads) - sum(loads) / count)
    ratios.sort()
    excess = sum(ratios) / len(ratios) / mean_tokens
    return excess, ratios[int(0.99 * len(ratios))] / mean_tokens, where


def random_excess(count: int, requests: int, seed: int) -> float:
    """The same with replicas drawn at random, for comparison."""
    draw = random.Random(seed)  # noqa: S311 -- a simulation
    now, total = 0.0, 0.0
    free_at = [0.0] * count
    for _ in range(requests):
        now += draw.expovariate(0.8 * count / 1000.0)
        chosen = draw.randrange(count)
        free_at[chosen] = max(free_at[chosen], now) + draw.expovariate(1 / 1000.0)
        waits = [max(0.0, free - now) for free in free_at]
        total += max(waits) - sum(waits) / count
    return total / requests / 1000.0


def test_the_busiest_is_little_busier_than_the_mean_and_far_less_than_by_chance() -> None:
    excess, worst, _ = simulate(8, 6000, prefixes=0, seed=1)
    assert excess < 3.0  # in mean requests
    assert worst < 8.0
    assert excess < 0.4 * random_excess(8, 6000, 1)


def test_many_prefixes_stay_with_their_replica_while_load_stays_even() -> None:
    excess, _, where = simulate(8, 6000, prefixes=200, seed=2)
    home = {
        prefix: max(count for (p, _), count in where.items() if p == prefix)
        for prefix in {p for p, _ in where}
    }
    assert sum(home.values()) / sum(where.values()) > 0.7
    assert excess < 5.0


def test_a_single_hot_prefix_does_not_stay_on_one_replica() -> None:
    _, _, where = simulate(4, 4000, prefixes=1, seed=3)
    assert max(where.values()) < 0.75 * sum(where.values())


def test_affinity_ends_where_the_favourite_is_too_busy() -> None:
    pool, balance = replicas(4), balancer()
    home = balance.pick(pool, asked(42), ())
    assert home is not None
    assert all(balance.pick(pool, asked(42), ()) == home for _ in range(20))
    balance.began(home, 2 * BALANCE.slack)
    assert all(balance.pick(pool, asked(42), ()) != home for _ in range(20))
    balance.ended(home, 2 * BALANCE.slack, failed=False, ttft_s=None)
    assert balance.pick(pool, asked(42), ()) == home


def test_a_replica_that_leaves_moves_only_its_own_prefixes() -> None:
    pool, balance = replicas(5), balancer()
    before = {prefix: balance.pick(pool, asked(prefix), ()) for prefix in range(1, 400)}
    after = {prefix: balance.pick(pool[:4], asked(prefix), ()) for prefix in before}
    assert all(after[p] == home for p, home in before.items() if home != pool[4])
    shares = Counter(before.values())
    assert min(shares.values()) > 0.5 * 399 / 5


def test_tried_ones_are_not_picked_and_none_is_left_at_last() -> None:
    pool, balance = replicas(3), balancer()
    tried: list[Endpoint] = []
    for _ in pool:
        endpoint = balance.pick(pool, asked(5), tried)
        assert endpoint is not None
        assert endpoint not in tried
        tried.append(endpoint)
    assert balance.pick(pool, asked(5), tried) is None
    assert balance.pick([], asked(), ()) is None


def fail(balance: PowerOfTwo, endpoint: Endpoint, times: int = RULES.in_row) -> None:
    for _ in range(times):
        balance.began(endpoint, 10)
        balance.ended(endpoint, 10, failed=True, ttft_s=None)


def test_a_failing_replica_is_left_out_probed_once_and_taken_back() -> None:
    time = Time()
    pool, balance = replicas(2), balancer(time)
    fail(balance, pool[0])
    assert {balance.pick(pool, asked(), ()) for _ in range(50)} == {pool[1]}
    time.now = RULES.first_s
    picks = []
    for _ in range(50):
        endpoint = balance.pick(pool, asked(), ())
        assert endpoint is not None
        balance.began(endpoint, 1)
        picks.append(endpoint)
    assert picks.count(pool[0]) == 1
    balance.ended(pool[0], 1, failed=False, ttft_s=0.1)
    # The other one has 49 under way meanwhile.
    assert {balance.pick(pool, asked(), ()) for _ in range(50)} == {pool[0]}


def test_nobody_is_asked_while_the_only_replica_is_left_out() -> None:
    time = Time()
    pool, balance = replicas(1), balancer(time)
    fail(balance, pool[0])
    assert balance.pick(pool, asked(), ()) is None
    time.now = RULES.first_s
    assert balance.pick(pool, asked(), ()) == pool[0]
    assert balance.pick(pool, asked(), ()) is None


def test_who_has_nobody_else_asks_the_one_whose_turn_comes_next() -> None:
    time = Time()
    pool, balance = replicas(3), balancer(time)
    for number in (1, 0, 2):
        fail(balance, pool[number])
        time.now += 0.1
    assert balance.pick(pool, asked(), ()) is None
    assert balance.insist(pool, ()) == pool[1]
    assert balance.insist(pool, (pool[1],)) == pool[0]
    assert balance.insist(pool, pool) is None


def test_insisting_finds_a_replica_well_again_and_does_not_prolong_its_time() -> None:
    time = Time()
    pool, balance = replicas(1), balancer(time)
    fail(balance, pool[0])
    for _ in range(20):
        assert balance.insist(pool, ()) == pool[0]
        fail(balance, pool[0], times=1)
    assert balance.state(pool[0]).until_s == time.now + RULES.first_s
    assert balance.insist(pool, ()) == pool[0]
    balance.began(pool[0], 1)
    balance.ended(pool[0], 1, failed=False, ttft_s=0.1)
    assert balance.state(pool[0]).state == "closed"
    assert balance.pick(pool, asked(), ()) == pool[0]


def serve(balance: PowerOfTwo, endpoint: Endpoint, ttft_s: float, times: int) -> None:
    for _ in range(times):
        balance.began(endpoint, 10)
        balance.ended(endpoint, 10, failed=False, ttft_s=ttft_s)


def test_slow_replicas_are_left_out_but_never_more_than_half() -> None:
    pool, balance = replicas(4), balancer()
    for _ in range(200):
        balance.pick(pool, asked(), ())
    for endpoint in pool[3:]:
        serve(balance, endpoint, 0.1, 40)
    for endpoint in pool[:3]:
        serve(balance, endpoint, 5.0, 40)
    left_out = [one for one in pool if balance.state(one).state != "closed"]
    assert 1 <= len(left_out) <= 2
    assert pool[3] not in left_out


def test_addresses_of_engines_that_are_gone_are_forgotten() -> None:
    balance = balancer()
    for port in range(2000, 6000):
        endpoint = endpoint_at(f"http://127.0.0.1:{port}", "tally")
        assert balance.pick([endpoint], asked(), ()) == endpoint
        balance.began(endpoint, 5)
        balance.ended(endpoint, 5, failed=False, ttft_s=None)
    assert len(balance._replicas) < 1000


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5),
    st.lists(
        st.tuples(st.integers(0, 3), st.booleans(), st.floats(0, 3), st.integers(0, 5)),
        max_size=120,
    ),
)
def test_tokens_add_up_and_no_replica_is_probed_twice(
    count: int, events: list[tuple[int, bool, float, int]]
) -> None:
    time = Time()
    pool, balance = replicas(count), balancer(time)
    under_way: list[tuple[Endpoint, int, bool]] = []
    for kind, failed, wait, prefix in events:
        time.now += wait
        if kind < 2:
            endpoint = balance.pick(pool, asked(prefix), ())
            if endpoint is None:
                continue
            is_probe = balance.state(endpoint).state == "half-open"
            balance.began(endpoint, 100)
            assert not is_probe or balance.pick([endpoint], asked(), ()) is None
            under_way.append((endpoint, 100, is_probe))
        elif under_way:
            endpoint, tokens, _ = under_way.pop(0)
            balance.ended(endpoint, tokens, failed=failed, ttft_s=None)
    for endpoint in pool:
        expected = sum(tokens for one, tokens, _ in under_way if one == endpoint)
        assert balance.outstanding(endpoint) == expected
