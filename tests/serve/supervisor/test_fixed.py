from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.serve.engines import NOBODY, FakeLauncher
from tests.wire.conftest import until
from weighbridge.core.errors import ConfigError, EngineError
from weighbridge.core.routing import ModelEntry, Route, RouterConfig
from weighbridge.serve.supervisor import running_models

ROUTES = (Route(use=("far",)),)
ENGINE = ModelEntry(engine="llamacpp-embedded", source="x.gguf")
FAR = ModelEntry(url=NOBODY, key_env="FAR_KEY")


def nothing(line: str) -> None:
    raise AssertionError(line)


def test_a_key_comes_from_the_environment() -> None:
    async def scenario() -> tuple[str | None, str | None]:
        near = ModelEntry(url=NOBODY)
        config = RouterConfig({"far": FAR, "near": near}, ROUTES)
        environment = {"FAR_KEY": " sk-1\n"}
        async with running_models(config, Path(), FakeLauncher({}), environment, nothing) as models:
            return models["far"].endpoint.key, models["near"].endpoint.key

    assert asyncio.run(scenario()) == ("sk-1", None)


@pytest.mark.parametrize("environment", [{}, {"FAR_KEY": " "}])
def test_a_missing_key_is_named_before_any_engine_starts(environment: dict[str, str]) -> None:
    launcher = FakeLauncher({"own": NOBODY})

    async def scenario() -> None:
        config = RouterConfig({"own": ENGINE, "far": FAR}, ROUTES)
        async with running_models(config, Path(), launcher, environment, nothing):
            pass

    with pytest.raises(ConfigError, match=r"models\.far: the environment variable FAR_KEY"):
        asyncio.run(scenario())
    assert launcher.engines == {}


def test_an_engine_that_does_not_start_takes_the_others_along() -> None:
    launcher = FakeLauncher({"own": NOBODY})

    async def scenario() -> None:
        config = RouterConfig({"own": ENGINE, "other": ENGINE}, ROUTES)
        async with running_models(config, Path(), launcher, {}, nothing):
            pass

    with pytest.raises(EngineError, match="no other"):
        asyncio.run(scenario())
    assert launcher.engines["own"].stopped


def test_the_end_of_an_engine_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.serve.supervisor.fixed._WATCH_S", 0.001)
    told: list[str] = []
    launcher = FakeLauncher({"own": NOBODY, "other": NOBODY})

    async def scenario() -> None:
        config = RouterConfig({"own": ENGINE, "other": ENGINE}, ROUTES)
        async with running_models(config, Path(), launcher, {}, told.append) as models:
            await asyncio.sleep(0.01)
            assert not told
            launcher.engines["own"].alive = False
            await until(lambda: told)
            await asyncio.sleep(0.01)
            assert [model.is_alive() for model in models.values()] == [False, True]

    asyncio.run(scenario())
    assert len(told) == 1
    assert told[0].startswith("The engine for own has ended.")
    assert launcher.engines["other"].stopped
