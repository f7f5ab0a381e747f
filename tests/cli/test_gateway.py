from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.runner import WEIGH, weigh
from tests.fakes.gateway import FakeFleet, FakeGateway, admin_port
from weighbridge.workspace.gateways import announce


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway(FakeFleet(broken={"porter": "The model file is gone."}))


@pytest.fixture
def url(gateway: FakeGateway, tmp_path: Path) -> Iterator[str]:
    with admin_port(gateway) as address:
        announce(tmp_path / ".weighbridge", address, os.getpid())
        yield address


@pytest.mark.usefixtures("url")
def test_the_gateway_of_this_folder_as_tables(tmp_path: Path) -> None:
    done = weigh("gateway", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    for said in (
        "Gateway at http://127.0.0.1:8080, up 3 h 2 min",
        "5.00 GiB used of 6.00 GiB, measured",
        "ready, 2 of 3 servers well",
        "porter: The engine ended with code 1: out of memory.",
        "12.3, 4 in flight",
        "p50 50.0 ms, p90 90.0 ms, p99 99.0 ms",
        "20,211, 17 of them failed",
        "5.00 GiB of 24.00 GiB",
        "route 1: task arithmetic",
        "$12.50 of $50.00",
        "Started.",
    ):
        assert said in done.out, said


def test_json_has_the_keys_of_the_admin_port(tmp_path: Path, url: str) -> None:
    done = weigh("gateway", url, "--json", cwd=tmp_path)
    document = json.loads(done.out)
    assert document["models"][0]["model"] == "tally"
    assert document["requests_per_s"] == 12.3
    assert document["budgets"][0]["usd"] == [12.5, 50.0]


def test_actions(tmp_path: Path, url: str, gateway: FakeGateway) -> None:
    started = weigh("gateway", "start", "qwen/clerk 7b", cwd=tmp_path)
    assert (started.code, started.err) == (0, "qwen/clerk 7b is ready.\n")
    stopped = weigh("gateway", "stop", "tally", "--gateway", url, "--json", cwd=tmp_path)
    assert json.loads(stopped.out)["model"]["state"] == "stopped"
    assert weigh("gateway", "sleep", "qwen/clerk 7b", cwd=tmp_path).code == 0
    assert gateway.fleet.asked == [
        ("start", "qwen/clerk 7b"),
        ("stop", "tally"),
        ("sleep", "qwen/clerk 7b"),
    ]
    reloaded = weigh("gateway", "reload", cwd=tmp_path)
    assert (reloaded.code, gateway.reloads) == (0, 1)


def test_the_address_may_stand_anywhere(tmp_path: Path, url: str, gateway: FakeGateway) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for words in (
        ("stop", "tally", url),
        ("stop", "tally", "--gateway", url),
        (url, "stop", "tally"),
        ("--gateway", url, "stop", "tally"),
        ("reload", url),
        (url, "reload"),
        ("--gateway", url),
    ):
        done = weigh("gateway", *words, cwd=elsewhere)
        assert done.code == 0, (words, done.err)
    assert gateway.fleet.asked == [("stop", "tally")] * 4
    assert gateway.reloads == 2
    twice = weigh("gateway", "reload", url, "--gateway", url, cwd=elsewhere)
    assert twice.code == 2
    assert "Name the gateway once" in twice.err
    assert "weigh gateway stop tally --gateway" in weigh("gateway", "--help", cwd=elsewhere).out


@pytest.mark.usefixtures("url")
def test_what_goes_wrong_is_a_sentence(tmp_path: Path) -> None:
    unknown = weigh("gateway", "stop", "taly", cwd=tmp_path)
    assert (unknown.code, unknown.out) == (2, "")
    assert "Did you mean 'tally'?" in unknown.err
    failed = weigh("gateway", "start", "porter", cwd=tmp_path)
    assert failed.code == 3
    assert "The model file is gone." in failed.err


def test_without_a_gateway_it_says_how_to_start_one(tmp_path: Path) -> None:
    none = weigh("gateway", cwd=tmp_path)
    assert none.code == 2
    assert "weigh serve" in none.err
    assert not (tmp_path / ".weighbridge").exists()
    silent = weigh("gateway", "http://127.0.0.1:9", cwd=tmp_path)
    assert silent.code == 3


@pytest.mark.usefixtures("url")
def test_watching_goes_on_until_it_is_interrupted(tmp_path: Path, gateway: FakeGateway) -> None:
    watching = subprocess.Popen(
        [*WEIGH, "gateway", "--watch", "--json"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert watching.stdout is not None
    first = json.loads(watching.stdout.readline())
    gateway.told.append("Later.")
    second = json.loads(watching.stdout.readline())
    third = json.loads(watching.stdout.readline())
    assert first["time"] < second["time"] < third["time"]
    assert third["recent"][-1] == "Later."
    watching.send_signal(signal.SIGINT)
    assert watching.wait(10) == 0
    watching.stdout.close()
