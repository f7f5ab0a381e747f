"""A configuration that uses everything, in a folder that has what it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import RouterConfig
from weighbridge.serve.config import FaultyConfigError, check_config, parse_config

ENVIRONMENT = {"ALICE": "wb-alice-secret-token", "FAR_KEY": "sk-upstream-secret", "ROOT": "/srv"}

GOOD = """
listen: ["127.0.0.1:8080", "unix:weigh.sock"]
admin: 127.0.0.1:8081
keys:
  - ${env.ALICE}
  - {name: bob, hash: "sha256:%s", models: [small, far], budget: team, tier: gold}
budgets:
  team: {usd: 20, per: month}
machine: {memory: 80%%, device: cpu, reserve: 1 GiB}
models:
  tally: {engine: llamacpp-embedded, source: tally.gguf, aliases: [small], ttl: 5m, price: {}}
  own:
    cmd: my-server --port ${PORT} --root ${env.ROOT}
    env: {CACHE: "${env.ROOT}/cache"}
    memory: 2 GiB
    pinned: true
  far:
    url: ["http://10.0.0.7:8000/v1", "http://10.0.0.8:8000/v1"]
    key_env: FAR_KEY
    price: {prompt: 1}
signals:
  task:
    arithmetic: {keywords: [plus, "+"]}
routes:
  - {when: {task: arithmetic, tier: gold}, use: [small, far]}
  - {use: [far]}
fallbacks: {small: [own, far]}
context_window_fallbacks: {tally: [far]}
capture: {share: 0.1, redact: [keys, {pattern: "id-[0-9]+"}]}
limits: {body: 8 MiB, queue_wait: 90s}
""" % ("ab" * 32)


def folder_for(tmp_path: Path) -> Path:
    (tmp_path / "tally.gguf").touch()
    return tmp_path


def read(text: str, folder: Path) -> RouterConfig:
    return parse_config(text, folder, origin="text", environment=ENVIRONMENT)


def faults(text: str, folder: Path) -> list[tuple[str, str, int]]:
    """Place, sentence and line of every fault; the text has some."""
    found = check_config(text, folder, origin="text", environment=ENVIRONMENT).faults
    assert found
    return [(fault.where, fault.text, fault.line) for fault in found]


def message(text: str, folder: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        read(text, folder)
    assert isinstance(raised.value, FaultyConfigError)
    return str(raised.value)


def swapped(old: str, new: str) -> str:
    """The good text with one part in another's place."""
    assert GOOD.count(old) >= 1, old
    return GOOD.replace(old, new, 1)
