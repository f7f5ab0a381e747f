from __future__ import annotations

import asyncio
import time

import pytest

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EngineError
from weighbridge.core.http import parse_url
from weighbridge.serve.supervisor.gate import Gate
from weighbridge.serve.supervisor.remote import Remote
from weighbridge.wire.client import Client


def test_why_nobody_answers_is_told_to_those_who_wait_and_names_no_model() -> None:
    async def scenario() -> None:
        gate = Gate("far", time.monotonic, lambda: None)
        async with Client() as client:
            remote = Remote(
                [Endpoint(parse_url("http://127.0.0.1:9/v1"), "far")], gate, client, 0.05
            )
            gate.close()  # the first answer is not in yet
            with pytest.raises(
                EngineError, match=r"^Nobody answers at http://127\.0\.0\.1:9"
            ) as told:
                await gate.wait(5.0)
            await remote.close()
        assert told.value.message == remote.detail, "whoever tells the client names the model"

    asyncio.run(scenario())
