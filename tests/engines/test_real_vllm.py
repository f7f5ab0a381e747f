"""A real vLLM on the CPU, where one is installed: processes, names, memory, and its end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from tests.processes import gone_within
from weighbridge.engines.adapter import Wanted
from weighbridge.engines.started import EngineLauncher
from weighbridge.wire.client import Client

PEERS = Path(os.environ.get("WEIGHBRIDGE_PEERS", Path.home() / ".cache" / "weighbridge" / "peers"))
PYTHON = PEERS / "vllm" / "bin" / "python"
MODEL = Path(__file__).parents[1] / "data" / "hf" / "porter"


@pytest.mark.slow
def test_vllm_serves_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not PYTHON.exists():
        pytest.skip(f"no vLLM in {PEERS}")
    # The build for CPUs has no command of its own, only the module.
    shim = tmp_path / "vllm"
    module = "vllm.entrypoints.openai.api_server"
    shim.write_text(f'#!/bin/sh\nM=$2\nshift 2\nexec {PYTHON} -m {module} --model "$M" "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    quiet = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    wanted = Wanted(
        "porter",
        "vllm",
        str(MODEL),
        "porter",
        context=256,
        env=quiet | {"VLLM_CPU_KVCACHE_SPACE": "1"},
        args=("--enforce-eager",),
    )

    async def scenario() -> list[int]:
        async with Client() as client:
            engine = await EngineLauncher(client).launch(wanted, 240)
            assert engine.endpoint.model == "porter"
            memory = await engine.memory()
            assert memory is not None
            assert memory > 300 * 2**20
            pids = list(await engine.pids())
            groups = {os.getpgid(pid) for pid in pids}
            print(f"{len(pids)} processes in {len(groups)} groups, {memory >> 20} MiB")
            assert len(pids) > 1  # its engine is a process apart from its API server
            await engine.stop(15.0)
            return pids

    pids = asyncio.run(scenario())
    assert gone_within(pids, 1.0)
    assert psutil.Process().children(recursive=True) == []
