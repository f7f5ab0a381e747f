from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.serve.config.files import ENVIRONMENT, GOOD, folder_for, read
from weighbridge.core.routing import Limits, MachineEntry, ModelEntry, RouterConfig
from weighbridge.core.units import GIB
from weighbridge.serve.config import (
    canonical_names,
    check_config,
    key_digests,
    limit_figures,
    listen_address,
    memory_budget,
    merged_context_fallbacks,
    merged_fallbacks,
    parse_listen,
    secret_variables,
)


@pytest.fixture
def config(tmp_path: Path) -> RouterConfig:
    return read(GOOD, folder_for(tmp_path))


def test_names_and_fallbacks_are_canonical(config: RouterConfig) -> None:
    assert canonical_names(config) == {
        "tally": "tally",
        "small": "tally",
        "own": "own",
        "far": "far",
    }
    assert merged_fallbacks(config) == {"tally": ("own", "far")}
    assert merged_context_fallbacks(config) == {"tally": ("far",)}


def test_fallbacks_under_two_names_of_a_model_are_joined() -> None:
    models = {"a": ModelEntry(url="http://a", aliases=("x",)), "b": ModelEntry(url="http://b")}
    config = RouterConfig(models, fallbacks={"a": ("b", "x"), "x": ("b",)})
    assert merged_fallbacks(config) == {"a": ("b",)}


def test_keys_are_digests_before_and_after_resolving(config: RouterConfig, tmp_path: Path) -> None:
    alice = hashlib.sha256(ENVIRONMENT["ALICE"].encode()).digest()
    found = [(digest, entry.name) for digest, entry in key_digests(config, {})]
    assert found == [(alice, "ALICE"), (bytes.fromhex("ab" * 32), "bob")]
    written = check_config(GOOD, tmp_path, origin="text", environment=ENVIRONMENT).written
    assert written is not None
    again = [(digest, entry.name) for digest, entry in key_digests(written, ENVIRONMENT)]
    assert again == found
    assert len(key_digests(written, {})) == 1


def test_limits_in_bytes_and_seconds() -> None:
    figures = limit_figures(Limits(body="1 MiB", queue_wait="2m"))
    assert (figures.body_bytes, figures.queue_wait_s, figures.read_s) == (1024**2, 120.0, 30.0)


@pytest.mark.parametrize(
    ("entry", "device", "budget"),
    [
        (MachineEntry(), None, None),
        (MachineEntry(), 10 * GIB, 9 * GIB),
        (MachineEntry(memory="50%"), 10 * GIB, 5 * GIB),
        (MachineEntry(memory="50%"), None, None),
        (MachineEntry(memory="8 GiB", reserve="1 GiB"), None, 7 * GIB),
        (MachineEntry(memory="1 GiB", reserve="2 GiB"), None, 0),
    ],
)
def test_the_memory_of_a_machine(
    entry: MachineEntry, device: int | None, budget: int | None
) -> None:
    assert memory_budget(entry, device) == budget


def test_addresses() -> None:
    assert listen_address("[::1]:80") == ("::1", 80)
    assert listen_address(":80") == ("127.0.0.1", 80)
    assert parse_listen("unix:/run/w.sock").is_local
    assert not parse_listen("[::]:80").is_local


def test_variables_that_hold_keys_are_known_although_only_digests_are_kept(
    config: RouterConfig,
) -> None:
    there = ENVIRONMENT | {"COPY": f" {ENVIRONMENT['ALICE']}\n", "HOME": "/root"}
    found = secret_variables(config, there)
    assert found == {"ALICE", "COPY", "FAR_KEY", "WEIGHBRIDGE_ADMIN_KEY"}
