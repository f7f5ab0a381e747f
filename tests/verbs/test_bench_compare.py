from __future__ import annotations

import asyncio

import pytest

from tests.fakes.llm_server import Behaviour, FakeUrl, fake_llm
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import InputError, UnknownRunError
from weighbridge.core.load import LoadRun
from weighbridge.core.load_comparison import LoadComparison
from weighbridge.core.traffic import LoadShape
from weighbridge.verbs.bench import BenchSettings
from weighbridge.verbs.bench_compare import compare, interleave, to_json
from weighbridge.verbs.effects import Silent, SystemClock
from weighbridge.wire.client import Client
from weighbridge.workspace.folder import Workspace

SETTINGS = BenchSettings((LoadShape("closed", 2),), requests=8, metrics=False, workers=1)


def interleaved(
    store: Workspace, a: Behaviour, b: Behaviour
) -> tuple[LoadComparison | None, FakeUrl, FakeUrl]:
    """The comparison; None where this machine is too busy for anybody to measure on it."""

    async def scenario() -> tuple[LoadComparison | None, FakeUrl, FakeUrl]:
        async with fake_llm(a) as one, fake_llm(b) as two, Client() as client:
            endpoints = (endpoint_at(one, "fake"), endpoint_at(two, "fake"))
            try:
                (found,) = await interleave(
                    store,
                    client,
                    SystemClock(),
                    endpoints,
                    SETTINGS,
                    pairs=3,
                    progress=Silent(),
                )
            except InputError as error:
                assert "CLIENT-LIMITED" in str(error)  # noqa: PT017 -- only sometimes
                return None, one, two
            return found, one, two

    return asyncio.run(scenario())


def test_two_servers_in_turns_are_told_apart(workspace: Workspace) -> None:
    found, one, two = interleaved(
        workspace,
        Behaviour(tokens=1, first_delay_s=0.1),
        Behaviour(tokens=1, first_delay_s=0.4),
    )
    # A B, B A, A B: whatever drifts meanwhile hits both alike.
    urls = [workspace.load(info.id, LoadRun).url for info in workspace.runs("load")]
    assert sorted(urls) == sorted([str(one), str(two)] * 3)
    asked = [body["messages"][0]["content"] for url in (one, two) for body in url.bodies]
    assert len(set(asked)) == len(asked) == 2 * 3 * (1 + 8)  # no cache can answer for another
    if found is None:
        pytest.skip("this machine is too busy to measure on")
    assert found.pairs == 3
    ttft = {one.metric: one for one in found.differences}["ttft_ms_p50"]
    assert ttft.ratio > 2
    assert (ttft.is_real, ttft.is_better) == (True, False)


def test_kept_runs_are_compared_by_name(workspace: Workspace) -> None:
    slow = Behaviour(tokens=1, first_delay_s=0.2)
    found, _, _ = interleaved(workspace, slow, slow)
    if found is None:
        pytest.skip("this machine is too busy to measure on")
    ids = [info.id for info in workspace.runs("load")]
    (alone,) = compare(workspace, ids[0], ids[1])
    (several,) = compare(workspace, ",".join(ids[:3]), ", ".join(ids[3:]))
    assert (alone.pairs, several.pairs) == (1, 3)
    document = to_json([alone])
    assert document["comparisons"][0]["sentence"] == alone.sentence
    with pytest.raises(UnknownRunError):
        compare(workspace, ids[0], "load-none")
