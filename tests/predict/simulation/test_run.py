from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.steps import ROOMY, rules, table
from weighbridge.core.errors import InputError
from weighbridge.core.workload import Request
from weighbridge.predict.simulation.outcome import Arrivals, Served, Simulated
from weighbridge.predict.simulation.rules import Cache, Scheduler
from weighbridge.predict.simulation.run import simulate
from weighbridge.predict.simulation.step_table import StepTable

# A step takes 10 ms, and reading 1 ms per token.


def one(run: Simulated, place: int = 0) -> Served:
    return run.served[place]


def test_one_request_takes_its_prompt_and_its_steps() -> None:
    run = simulate(Arrivals([Request(0, 100, 11)]), table(), rules(), ROOMY)
    # Reading: a step and 100 tokens; then ten more steps.
    assert one(run).ttft_s == pytest.approx(0.01 + 0.1)
    assert one(run).tpot_s == pytest.approx(0.01)
    assert one(run).e2e_s == pytest.approx(0.11 + 0.1)
    assert run.busy_s == pytest.approx(0.21)
    assert run.reading_s == pytest.approx(0.11)


def test_steps_grow_with_what_the_cache_holds() -> None:
    run = simulate(Arrivals([Request(0, 99, 3)]), table(per_token_s=1e-4), rules(), ROOMY)
    # Two steps, of 100 and of 101 tokens.
    assert one(run).finished_s - one(run).first_s == pytest.approx(0.02 + 0.0100 + 0.0101)


def test_a_long_prompt_is_read_in_chunks_beside_decoding() -> None:
    requests = [Request(0, 10, 50), Request(0.02, 250, 2)]
    run = simulate(Arrivals(requests), table(), rules(tokens=101), ROOMY)
    # The first decodes in each step, so that 100 tokens are left: three chunks for the second.
    # It comes during the step that reads the first (till 0.02) or right after it.
    assert one(run, 1).first_s == pytest.approx(0.02 + 3 * 0.01 + 0.25)
    assert one(run, 0).longest_gap_s == pytest.approx(0.11)


def test_without_mixing_decoding_stands_still_while_a_prompt_is_read() -> None:
    requests = [Request(0, 10, 6), Request(0.02, 100, 1)]
    run = simulate(Arrivals(requests), table(), rules(mixed=False), ROOMY)
    assert one(run, 1).first_s == pytest.approx(0.02 + 0.11)
    # Five steps, and the other's prompt.
    assert one(run, 0).finished_s == pytest.approx(0.02 + 0.05 + 0.11)
    assert one(run, 0).longest_gap_s == pytest.approx(0.11 + 0.01)


def test_without_chunks_a_prompt_waits_until_it_fits_whole() -> None:
    requests = [Request(0, 60, 1), Request(0, 60, 1)]
    whole = simulate(Arrivals(requests), table(), rules(tokens=100, chunked=False), ROOMY)
    parts = simulate(Arrivals(requests), table(), rules(tokens=100), ROOMY)
    assert [s.first_s for s in whole.served] == pytest.approx([0.07, 0.14])
    # Both in the first step, the second's last 20 in another.
    assert [s.first_s for s in parts.served] == pytest.approx([0.11, 0.14])


def test_requests_wait_for_a_slot_in_their_order() -> None:
    requests = [Request(0, 10, 3), Request(0, 10, 3), Request(0, 10, 3)]
    run = simulate(Arrivals(requests), table(), rules(sequences=1), ROOMY)
    assert [s.admitted_s for s in run.served] == pytest.approx([0.0, 0.04, 0.08])
    assert [s.queue_s for s in run.served] == pytest.approx([0.0, 0.04, 0.08])


def test_an_arrival_is_let_in_at_the_end_of_the_running_step() -> None:
    requests = [Request(0, 10, 100), Request(0.155, 10, 1)]
    run = simulate(Arrivals(requests), table(), rules(), ROOMY)
    assert one(run, 1).admitted_s == pytest.approx(0.16)


def test_who_joins_during_a_standstill_waited_only_for_the_rest_of_it() -> None:
    requests = [Request(0, 10, 6), Request(0.02, 100, 2), Request(0.1, 30, 2)]
    run = simulate(Arrivals(requests), table(), rules(mixed=False), ROOMY)
    # Two prompts in a row, of 110 and of 40 ms, and a step.
    gaps = [s.longest_gap_s for s in run.served]
    assert gaps == pytest.approx([0.16, 0.05, 0.01])
    pooled = dict(sorted((round(seconds, 9), count) for seconds, count in run.gaps))
    assert (pooled[0.05], pooled[0.16]) == (1, 1)


def test_a_full_cache_takes_the_last_request_back_and_reads_it_again() -> None:
    requests = [Request(0, 50, 30), Request(0, 50, 30)]
    run = simulate(Arrivals(requests), table(), rules(), Cache(120))
    first, second = run.served
    assert (first.preemptions, second.preemptions) == (0, 1)
    # Both hold 51 after reading (110 ms); nine steps later 60 each, and then there is no room.
    # The first goes on alone for 20 steps; then 60 tokens are read again, with a step.
    assert first.finished_s == pytest.approx(0.11 + 29 * 0.01)
    assert second.longest_gap_s == pytest.approx(0.20 + 0.01 + 0.06)
    assert run.peak_cache == pytest.approx(1.0)


def test_what_is_left_of_a_request_taken_back_is_not_read_again() -> None:
    requests = [Request(0, 50, 30), Request(0, 50, 30)]
    run = simulate(Arrivals(requests), table(), rules(keeps=True), Cache(120))
    # Meanwhile the first took room for 20 tokens, which were the second's last.
    assert one(run, 1).longest_gap_s == pytest.approx(0.20 + 0.01 + 0.02)


def test_reserving_room_for_answers_never_takes_anything_back() -> None:
    requests = [Request(0, 50, 30), Request(0, 50, 30)]
    run = simulate(Arrivals(requests), table(), rules(reserve=1.0), Cache(120))
    assert [s.preemptions for s in run.served] == [0, 0]
    assert one(run, 1).admitted_s == pytest.approx(one(run, 0).finished_s)


def test_room_that_was_reserved_is_free_again_afterwards() -> None:
    requests = [Request(0.0, 50, 30)] * 2 + [Request(5.0, 50, 30)] * 2
    run = simulate(Arrivals(requests), table(), rules(reserve=1.0), Cache(170))
    assert [s.queue_s for s in run.served] == pytest.approx([0.0] * 4)


def test_windows_and_states_take_their_room_once() -> None:
    cache = Cache(1000, per_token=0.0, per_window_token=1.0, window=100, per_sequence=400)
    requests = [Request(0, 500, 5), Request(0, 500, 5), Request(0, 500, 5)]
    run = simulate(Arrivals(requests), table(), rules(), cache)
    # Each takes 500, however long: two at once.
    assert run.peak_cache == pytest.approx(1.0)
    assert one(run, 2).admitted_s == pytest.approx(one(run, 0).finished_s)


def test_guessing_ahead_takes_fewer_steps() -> None:
    run = simulate(Arrivals([Request(0, 10, 11)]), table(tokens_per_step=2.5), rules(), ROOMY)
    assert one(run).tpot_s == pytest.approx(0.01 * 4 / 10)


def test_a_shared_prefix_is_read_once() -> None:
    requests = [Request(0, 100, 1), Request(1, 100, 1)]
    run = simulate(Arrivals(requests, prefix_share=0.8), table(), rules(), ROOMY)
    assert [s.ttft_s for s in run.served] == pytest.approx([0.11, 0.03])


def test_a_user_sends_the_next_request_after_the_answer_and_a_thought() -> None:
    requests = [Request(0, 10, 1)] * 3
    run = simulate(Arrivals(requests, users=1, think_s=0.5), table(), rules(), ROOMY)
    assert [s.arrival_s for s in run.served] == pytest.approx([0.0, 0.52, 1.04])


def test_what_comes_before_the_scheduler_counts_for_the_user() -> None:
    run = simulate(Arrivals([Request(0, 10, 2)]), table(intake_s=0.1), rules(), ROOMY)
    assert one(run).ttft_s == pytest.approx(0.12)


@pytest.mark.parametrize(
    ("arrivals", "cache", "words"),
    [
        (Arrivals([]), ROOMY, "no requests"),
        (Arrivals([Request(0, 1, 1)], users=0), ROOMY, "at least one user"),
        (Arrivals([Request(0, 90, 20)]), Cache(100), "cache for about 100"),
    ],
)
def test_what_cannot_be_served_is_refused(arrivals: Arrivals, cache: Cache, words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate(arrivals, table(), rules(), cache)


def test_an_engine_without_slots_is_refused() -> None:
    with pytest.raises(InputError, match="never runs anything"):
        rules(sequences=0)


TIMES = st.floats(0.001, 0.1)
REQUESTS = st.lists(
    st.builds(
        Request,
        st.integers(0, 3000).map(lambda ms: ms / 1000),
        st.integers(1, 300),
        st.integers(1, 120),
    ),
    min_size=1,
    max_size=25,
)
RULES = st.builds(
    Scheduler,
    sequences=st.integers(1, 12),
    tokens=st.integers(16, 512),
    mixed=st.booleans(),
    chunked=st.booleans(),
    reserve=st.sampled_from([0.0, 0.3, 1.0]),
    keeps=st.booleans(),
)
TABLES = st.builds(
    table,
    step_s=TIMES,
    per_sequence_s=st.floats(0, 0.001),
    per_token_s=st.floats(0, 1e-5),
    read_s=st.floats(0, 0.001),
    tokens_per_step=st.sampled_from([1.0, 1.7, 3.0]),
    intake_s=st.sampled_from([0.0, 0.01]),
)
ARRIVALS = st.builds(
    Arrivals,
    requests=REQUESTS,
    users=st.none() | st.integers(1, 8),
    think_s=st.sampled_from([0.0, 0.2]),
    ramp_s=st.sampled_from([0.0, 1.0]),
    prefix_share=st.sampled_from([0.0, 0.5]),
)
CACHES = st.builds(
    Cache,
    size=st.floats(900, 5000),
    per_window_token=st.sampled_from([0.0, 1.0]),
    window=st.just(64.0),
    per_sequence=st.sampled_from([0.0, 20.0]),
)


@given(ARRIVALS, TABLES, RULES, CACHES)
def test_requests_and_tokens_are_conserved(
    arrivals: Arrivals, steps: StepTable, scheduler: Scheduler, cache: Cache
) -> None:
    run = simulate(arrivals, steps, scheduler, cache)
    assert [(s.prompt_tokens, s.output_tokens) for s in run.served] == [
        (r.prompt_tokens, r.output_tokens) for r in arrivals.requests
    ]
    if steps.tokens_per_step == 1:
        gaps = sum(count for _, count in run.gaps)
        assert gaps == sum(r.output_tokens - 1 for r in arrivals.requests)


@given(ARRIVALS, TABLES, RULES, CACHES)
def test_time_runs_forward_and_the_cache_is_never_overfull(
    arrivals: Arrivals, steps: StepTable, scheduler: Scheduler, cache: Cache
) -> None:
    run = simulate(arrivals, steps, scheduler, cache)
    assert run.peak_cache <= 1 + 1e-6
    assert run.busy_s <= run.finished_s + 1e-9
    for each in run.served:
        assert each.arrival_s <= each.admitted_s <= each.first_s <= each.finished_s
        assert each.longest_gap_s <= each.e2e_s + 1e-9
    if arrivals.users is None:
        admitted = sorted(run.served, key=lambda s: s.arrival_s)
        assert all(a.admitted_s <= b.admitted_s for a, b in pairwise(admitted))


@given(REQUESTS, TABLES, RULES, CACHES)
def test_what_is_reserved_for_is_never_taken_back(
    requests: list[Request], steps: StepTable, scheduler: Scheduler, cache: Cache
) -> None:
    plain = replace(steps, tokens_per_step=1.0)
    run = simulate(Arrivals(requests), plain, replace(scheduler, reserve=1.0), cache)
    assert all(each.preemptions == 0 for each in run.served)


@given(ARRIVALS, TABLES, RULES, CACHES)
def test_a_first_token_takes_at_least_the_reading_of_its_prompt(
    arrivals: Arrivals, steps: StepTable, scheduler: Scheduler, cache: Cache
) -> None:
    run = simulate(replace(arrivals, prefix_share=0.0), steps, scheduler, cache)
    for each in run.served:
        alone = steps.prefill_s(0, each.prompt_tokens) + steps.decode_s(1, 0)
        assert each.ttft_s >= alone * (1 - 1e-9)


@given(ARRIVALS, TABLES, RULES, CACHES)
def test_no_more_tokens_come_than_steps_can_give(
    arrivals: Arrivals, steps: StepTable, scheduler: Scheduler, cache: Cache
) -> None:
    run = simulate(arrivals, steps, scheduler, cache)
    most = max(n / steps.decode_s(n, 0) for n in range(1, scheduler.sequences + 1))
    after_first = sum(s.output_tokens - 1 for s in run.served)
    assert after_first <= run.busy_s * most * steps.tokens_per_step * (1 + 1e-9)
    assert run.sequence_s <= run.busy_s * scheduler.sequences * (1 + 1e-9)


@given(TABLES, st.integers(1, 200), st.integers(2, 100), st.integers(1, 12), st.booleans())
def test_more_users_never_speed_anyone_up(
    steps: StepTable, prompt: int, output: int, users: int, mixed: bool
) -> None:
    def tokens_per_s(count: int) -> float:
        arrivals = Arrivals([Request(0, prompt, output)] * (4 * count), users=count)
        run = simulate(arrivals, steps, rules(mixed=mixed), ROOMY)
        return sum(s.output_tokens / s.e2e_s for s in run.served) / len(run.served)

    assert tokens_per_s(users + 1) <= tokens_per_s(users) * (1 + 1e-9)


@given(ARRIVALS, TABLES, RULES, CACHES)
def test_the_same_comes_out_of_the_same(
    arrivals: Arrivals, steps: StepTable, scheduler: Scheduler, cache: Cache
) -> None:
    assert simulate(arrivals, steps, scheduler, cache) == simulate(
        arrivals, steps, scheduler, cache
    )


@given(REQUESTS, TABLES, st.integers(1, 12))
def test_blocks_of_steps_come_to_what_single_steps_do(
    requests: list[Request], steps: StepTable, sequences: int
) -> None:
    plain = replace(steps, tokens_per_step=1.0, intake_s=0.0)
    run = simulate(Arrivals(requests), plain, rules(sequences), ROOMY)
    expected = _step_by_step(requests, plain, sequences)
    assert [s.finished_s for s in run.served] == pytest.approx(expected)


def _step_by_step(requests: list[Request], steps: StepTable, sequences: int) -> list[float]:
    """The same engine, written down as plainly as possible: every step a turn of the loop."""
    order = sorted(range(len(requests)), key=lambda i: (requests[i].arrival_s, i))
    waiting, running = list(order), dict[int, list[float]]()  # index -> [read, produced]
    finished = [0.0] * len(requests)
    now = 0.0
    while waiting or running:
        if not running and requests[waiting[0]].arrival_s > now:
            now = requests[waiting[0]].arrival_s
        decoding = [i for i in running if running[i][1] > 0]
        budget = 8192 - len(decoding)
        chunks: dict[int, float] = {}
        for i in running:
            if running[i][1] == 0 and budget > 0:
                chunks[i] = min(requests[i].prompt_tokens - running[i][0], budget)
                budget -= int(chunks[i])
        while waiting and requests[waiting[0]].arrival_s <= now and budget > 0:
            if len(running) == sequences:
                break
            i = waiting.pop(0)
            running[i] = [0, 0]
            chunks[i] = min(requests[i].prompt_tokens, budget)
            budget -= int(chunks[i])
        held = sum(requests[i].prompt_tokens + running[i][1] for i in decoding)
        now += steps.decode_s(max(len(decoding), 1), held)
        for i, tokens in chunks.items():
            now += steps.prefill_s(running[i][0], running[i][0] + tokens)
            running[i][0] += tokens
        for i in list(running):
            if i in decoding or (i in chunks and running[i][0] == requests[i].prompt_tokens):
                running[i][1] += 1
                if running[i][1] == requests[i].output_tokens:
                    finished[i] = now
                    del running[i]
    return finished
