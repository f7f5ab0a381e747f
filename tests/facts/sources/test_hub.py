"""The Hub as its users meet it: found, gated, gone, slow, wrong; over a real socket."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.facts.gguf_models import llama, parts
from tests.facts.gguf_writer import gguf_bytes
from tests.facts.sources.safetensors_writer import Tensors, huge_safetensors, safetensors_bytes
from tests.fakes.hub import COMMIT, Body, Hub, Huge, Repo, fake_hub
from weighbridge.core.errors import (
    ConnectError,
    DeadlineError,
    InputError,
    NotCachedError,
    ProtocolError,
    StatusError,
    WeighbridgeError,
)
from weighbridge.facts.sources import hub as hub_source
from weighbridge.facts.sources.hub import HubModel
from weighbridge.facts.sources.resolve import resolve

CONFIG = {"model_type": "llama", "hidden_size": 64, "eos_token_id": 2}
SHARDS: tuple[Tensors, ...] = (
    {"model.embed_tokens.weight": ("BF16", (96, 64)), "lm_head.weight": ("F32", (96, 64))},
    {"model.layers.0.mlp.down_proj.weight": ("F8_E4M3", (64, 128))},
)
NAMES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
WEIGHT_BYTES = 96 * 64 * 2 + 96 * 64 * 4 + 64 * 128
GGUF = gguf_bytes(*llama())


def index() -> bytes:
    places = {name: file for file, shard in zip(NAMES, SHARDS, strict=True) for name in shard}
    return json.dumps({"metadata": {"total_size": WEIGHT_BYTES}, "weight_map": places}).encode()


def repos() -> dict[str, Repo]:
    config = json.dumps(CONFIG).encode()
    sharded = {
        "config.json": config,
        "model.safetensors.index.json": index(),
        **{name: safetensors_bytes(shard) for name, shard in zip(NAMES, SHARDS, strict=True)},
    }
    giant: Tensors = {"model.embed_tokens.weight": ("BF16", (1_000_000, 8192))}
    single: dict[str, Body] = {"config.json": config, "model.safetensors": huge_safetensors(giant)}
    return {
        "org/model": Repo(sharded, card={"license": "apache-2.0"}, revisions=("main", "v1")),
        "org/giant": Repo(single, card={"license": "other", "license_name": "llama3.3"}),
        "org/gated": Repo(sharded, gated=True, access=frozenset({"good"})),
        "org/secret": Repo(sharded, private=True, access=frozenset({"good"})),
        "org/one-gguf": Repo({"model-q8_0.gguf": GGUF, "mmproj-f16.gguf": b"x"}),
        "org/ggufs": Repo({"model-q4_0.gguf": GGUF, "sub/model-q8_0.gguf": GGUF}),
        "org/empty": Repo({"README.md": b"# nothing"}),
        "org/broken": Repo({"config.json": b"{", "model.safetensors": b"x" * 40}),
        "org/fat": Repo({"config.json": Huge(b"{", 10**9)}),
    }


@pytest.fixture
def hub(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    assert not empty_cache.exists()
    with fake_hub(repos()) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


def refused(kind: type[WeighbridgeError], text: str) -> str:
    with pytest.raises(kind) as caught:
        resolve(text).read()
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.usefixtures("hub")
def test_a_model_is_read_without_its_weights() -> None:
    material = resolve("org/model").read()
    assert material.config == CONFIG
    assert material.name == "org/model"
    assert material.origin == f"hf://org/model@{COMMIT}"
    assert material.revision == COMMIT
    assert material.license == "apache-2.0"
    assert material.notes == ()
    assert material.weights is not None
    assert material.weights.weight_bytes == WEIGHT_BYTES
    assert material.weights.bytes_by_dtype == {"F32": 24576, "BF16": 12288, "F8_E4M3": 8192}


def test_a_terabyte_of_weights_costs_a_few_kilobytes(hub: Hub) -> None:
    material = HubModel("org/giant").read()
    assert material.weights is not None
    assert material.weights.weight_bytes == 16_384_000_000
    assert material.license == "llama3.3"
    assert hub.sent < 100_000


def test_the_second_time_small_files_come_from_the_cache(hub: Hub) -> None:
    HubModel("org/model").read()
    first = len(hub.requests)
    HubModel("org/model").read()
    again = [(each.method, each.path.rpartition("/")[2]) for each in hub.requests[first:]]
    assert again == [("GET", "model?blobs=true"), ("HEAD", "config.json")]


def test_a_revision_a_page_and_a_file_are_understood(hub: Hub) -> None:
    assert HubModel("org/model", "v1").read().revision == COMMIT
    assert "/api/models/org/model/revision/v1" in hub.paths()[0]
    assert resolve(f"{hub.url}/org/model/blob/v1/config.json").read().config == CONFIG
    part = resolve(f"org/model:{NAMES[1]}").read()
    assert part.weights is not None
    assert part.weights.weight_bytes == 8192
    assert "part 2 of 2" in part.notes[0]


def test_gguf_files_are_found_or_listed(hub: Hub) -> None:
    only = HubModel("org/one-gguf").read()
    assert only.gguf is not None
    assert only.gguf.file_bytes == len(GGUF)
    assert resolve("org/ggufs/sub/model-q8_0.gguf").read().gguf is not None
    message = refused(InputError, "org/ggufs")
    assert "2 GGUF files: model-q4_0.gguf, sub/model-q8_0.gguf" in message
    assert "org/ggufs:model-q4_0.gguf" in message
    assert hub.sent < 3 * len(GGUF)


def test_parts_of_a_gguf_are_one_model(hub: Hub) -> None:
    split: dict[str, Body] = {
        name: gguf_bytes(*model) for name, model in parts(llama(), stem="Q8_0/big").items()
    }
    hub.repos["org/split"] = Repo(split)
    for text in ("org/split", "org/split/Q8_0/big-00002-of-00003.gguf"):
        found = resolve(text).read()
        assert found.gguf is not None
        assert len(found.gguf.tensors) == len(llama()[1])
    del split["Q8_0/big-00002-of-00003.gguf"]
    hub.repos["org/split"] = Repo(split)
    message = refused(InputError, "org/split")
    assert "3 parts, of which org/split/Q8_0/big-00002-of-00003.gguf is missing" in message


def test_a_page_of_the_public_hub_says_that_another_was_asked(hub: Hub) -> None:
    (note,) = resolve("https://huggingface.co/org/model").read().notes
    assert note.startswith("A page of huggingface.co was named, but HF_ENDPOINT is set:")
    assert note.endswith(f"this is org/model of {hub.url}.")
    assert resolve(f"{hub.url}/org/model").read().notes == ()
    assert resolve("org/model").read().notes == ()


@pytest.mark.usefixtures("hub")
def test_what_is_not_there_is_named() -> None:
    assert "no model org/nothing" in refused(InputError, "org/nothing")
    assert "no revision v9" in refused(InputError, "org/model@v9")
    missing = refused(InputError, "org/ggufs:model-q8_0.gguf")
    assert "no file model-q8_0.gguf" in missing
    assert "sub/model-q8_0.gguf" in missing
    assert "neither config.json nor a .gguf file, but README.md" in refused(InputError, "org/empty")


@pytest.mark.usefixtures("hub")
def test_damaged_files_are_refused() -> None:
    assert "org/broken/config.json is not JSON" in refused_kind("org/broken")
    assert "more than any such file" in refused_kind("org/fat")


def refused_kind(text: str) -> str:
    with pytest.raises(InputError) as caught:
        resolve(text).read()
    return str(caught.value)


@pytest.mark.parametrize(
    ("token", "says"), [(None, "no HF_TOKEN is set"), ("other", "an account without access")]
)
def test_a_gated_model_says_how_to_get_in(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str | None, says: str
) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    message = refused(StatusError, "org/gated")
    assert says in message
    assert f"Accept its terms on {hub.url}/org/gated, then set HF_TOKEN" in message


def test_a_token_opens_and_never_leaves_for_another_host(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "good")
    assert HubModel("org/gated").read().weights is not None
    assert HubModel("org/secret").read().weights is not None
    by_server = {"hub": 0, "cdn": 0}
    for request in hub.requests:
        by_server[request.server] += "authorization" in request.headers
    assert by_server["hub"] == len(hub.paths())
    assert by_server["cdn"] == 0
    assert hub.paths("cdn")


@pytest.mark.usefixtures("hub")
def test_a_wrong_token_and_a_private_model(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "If it is private, set HF_TOKEN" in refused(InputError, "org/secret")
    monkeypatch.setenv("HF_TOKEN", "expired")
    assert "does not accept HF_TOKEN" in refused(StatusError, "org/model")


def test_offline_reads_the_cache_or_says_so(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    HubModel("org/model").read()
    asked = len(hub.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    material = HubModel("org/model").read()
    assert material.config == CONFIG
    assert material.revision == COMMIT
    assert material.weights is not None
    assert material.weights.weight_bytes == WEIGHT_BYTES
    assert material.notes == ("HF_HUB_OFFLINE is set; read from the cache.",)
    assert material.license == "apache-2.0"
    message = refused(NotCachedError, "org/giant")
    assert "HF_HUB_OFFLINE is set, and the config.json of org/giant is not in the cache" in message
    assert len(hub.requests) == asked


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("status 500", StatusError, "answered status 500"),
        ("status 429", StatusError, "Set HF_TOKEN for a higher limit"),
        ("html", ProtocolError, "not as the Hub does"),
        ("bad json", ProtocolError, "not as the Hub does"),
        ("hang", DeadlineError, "does not answer in time"),
    ],
)
def test_a_failing_hub_is_told_apart(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    kind: type[WeighbridgeError],
    says: str,
) -> None:
    monkeypatch.setattr(hub_source, "_TIMEOUT_S", 0.3)
    hub.fault = fault
    began = time.monotonic()
    assert says in refused(kind, "org/model")
    assert time.monotonic() - began < 5


def test_offline_without_headers_says_what_is_missing(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    HubModel("org/model").read()
    hub.fault = "status 502"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    material = HubModel("org/model").read()
    assert material.weights is None
    assert "2 of 2 files are missing" in material.notes[0]


def test_a_failing_hub_falls_back_on_the_cache(hub: Hub) -> None:
    HubModel("org/model").read()
    hub.fault = "status 503"
    material = HubModel("org/model").read()
    assert material.config == CONFIG
    assert any("Read from the cache" in note for note in material.notes)
    assert material.license == "apache-2.0"


def test_a_licence_is_kept_by_commit_and_hub(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    HubModel("org/giant").read()
    HubModel("org/model").read()
    hub.fault = "status 503"
    assert HubModel("org/giant").read().license == "llama3.3"
    assert HubModel("org/model").read().license == "apache-2.0"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    assert HubModel("org/giant").read().license is None


def test_a_card_without_a_licence_leaves_it_open_offline_too(hub: Hub) -> None:
    hub.repos["org/model"] = Repo(hub.repos["org/model"].files)
    assert HubModel("org/model").read().license is None
    hub.fault = "status 503"
    assert HubModel("org/model").read().license is None


@pytest.mark.usefixtures("empty_cache")
def test_an_endpoint_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9 cannot be reached" in refused(ConnectError, "org/model")
    monkeypatch.setenv("HF_ENDPOINT", "hub.example")
    assert "HF_ENDPOINT" in refused(ConnectError, "org/model")


def test_a_missing_shard_is_said(hub: Hub) -> None:
    files = dict(hub.repos["org/model"].files)
    del files[NAMES[1]]
    hub.repos["org/model"] = Repo(files)
    material = HubModel("org/model").read()
    assert material.weights is None
    assert material.notes == (f"The weights were not read: {NAMES[1]} is missing.",)
