"""Files behind URLs: honest servers, lazy servers, liars."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.facts.gguf_models import llama, parts
from tests.facts.gguf_writer import gguf_bytes
from tests.facts.sources.safetensors_writer import Tensors, huge_safetensors, safetensors_bytes
from tests.fakes.hub import Body, Hub, Huge, Repo, fake_hub
from weighbridge.core.errors import (
    ConnectError,
    DeadlineError,
    FormatError,
    InputError,
    ProtocolError,
    StatusError,
    WeighbridgeError,
)
from weighbridge.facts.sources import connections, ranges
from weighbridge.facts.sources.connections import Patience
from weighbridge.facts.sources.ranges import without_secrets
from weighbridge.facts.sources.remote import RemoteModel, model_name

TENSORS: Tensors = {"model.embed_tokens.weight": ("BF16", (4096, 1024))}
MANY: Tensors = {f"model.layers.{n}.mlp.down_proj.weight": ("BF16", (8, 8)) for n in range(2000)}
GGUF = gguf_bytes(*llama())


@pytest.fixture
def hub(empty_cache: Path) -> Iterator[Hub]:
    assert not empty_cache.exists()
    index = {"weight_map": dict.fromkeys(TENSORS, "a.safetensors")}
    files: dict[str, Body] = {
        "m.gguf": Huge(GGUF, 40 * 10**9),
        "exact.gguf": GGUF,
        "m.safetensors": huge_safetensors({"w": ("BF16", (10**6, 8192))}),
        "many.safetensors": safetensors_bytes(MANY),
        "a.safetensors": safetensors_bytes(TENSORS),
        "model.safetensors.index.json": json.dumps(index).encode(),
        "config.json": b'{"model_type": "llama"}',
        "page": b"<!DOCTYPE html><html></html>",
        "empty.gguf": b"",
    }
    with fake_hub({"org/files": Repo(files)}) as running:
        yield running


def url(hub: Hub, file: str) -> str:
    return f"{hub.cdn_url}/org/files/{file}"


def refused(kind: type[WeighbridgeError], address: str) -> str:
    with pytest.raises(kind) as caught:
        RemoteModel(address).read()
    assert type(caught.value) is kind
    return str(caught.value)


def test_headers_of_large_files_are_read_alone(hub: Hub) -> None:
    gguf = RemoteModel(url(hub, "m.gguf")).read()
    assert gguf.gguf is not None
    assert gguf.gguf.file_bytes == 40 * 10**9
    assert gguf.name == "m"
    assert gguf.revision == '"one"'
    weights = RemoteModel(url(hub, "m.safetensors")).read().weights
    assert weights is not None
    assert weights.weight_bytes == 16_384_000_000
    assert hub.sent < 400_000


def test_parts_of_a_gguf_are_found_beside_each_other(hub: Hub) -> None:
    files = dict(hub.repos["org/files"].files)
    split: dict[str, Body] = {
        name: Huge(gguf_bytes(*model), 10**9) for name, model in parts(llama()).items()
    }
    hub.repos["org/files"] = Repo(files | split)
    found = RemoteModel(url(hub, "big-00003-of-00003.gguf") + "?download=true").read()
    assert found.gguf is not None
    assert len(found.gguf.tensors) == len(llama()[1])
    assert found.gguf.file_bytes == 3 * 10**9
    assert found.name == "big"
    del split["big-00002-of-00003.gguf"]
    hub.repos["org/files"] = Repo(files | split)
    message = refused(InputError, url(hub, "big-00001-of-00003.gguf") + "?signature=secret")
    assert "has 3 parts, of which" in message
    assert f"{url(hub, 'big-00002-of-00003.gguf')} is missing" in message


def test_a_long_header_takes_several_requests(hub: Hub) -> None:
    weights = RemoteModel(url(hub, "many.safetensors")).read().weights
    assert weights is not None
    assert len(weights.tensors) == 2000
    assert len(hub.paths("cdn")) > 1


def test_json_files_are_told_apart(hub: Hub) -> None:
    config = RemoteModel(url(hub, "config.json")).read()
    assert config.config == {"model_type": "llama"}
    assert config.name == "org/files"
    index = RemoteModel(url(hub, "model.safetensors.index.json") + "?token=x").read()
    assert index.weights is not None
    assert index.weights.weight_bytes == 4096 * 1024 * 2


def test_a_server_without_ranges_is_hung_up_on(hub: Hub) -> None:
    hub.cdn_fault = "no range"
    for file in ("m.gguf", "m.safetensors", "many.safetensors", "config.json"):
        RemoteModel(url(hub, file)).read()
    assert hub.sent < 32 * 1024**2  # of 56 GB: what fits the buffers of the sockets


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("html", FormatError, "is a web page"),
        ("status 404", InputError, "There is no"),
        ("status 403", StatusError, "may not be read without permission"),
        ("status 500", StatusError, "answered status 500"),
        ("no length", ProtocolError, "does not say how long it is"),
        ("cut", ProtocolError, "ended"),
        ("other range", ProtocolError, "other bytes than asked for"),
        ("gzip", ProtocolError, "compressed"),
        ("loop", ProtocolError, "redirects more than"),
        ("changed", ProtocolError, "changed while it was read"),
    ],
)
def test_servers_that_fail_are_told_apart(
    hub: Hub, fault: str, kind: type[WeighbridgeError], says: str
) -> None:
    hub.cdn_fault = fault
    message = refused(kind, url(hub, "many.safetensors") + "?signature=secret")
    assert says in message
    assert "secret" not in message


@pytest.mark.parametrize("fault", ["hang", "slow"])
def test_patience_ends(hub: Hub, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "Patience", lambda: Patience(0.3, 0.6))
    hub.cdn_fault = fault
    began = time.monotonic()
    refused(DeadlineError, url(hub, "many.safetensors"))
    assert time.monotonic() - began < 5


def test_what_is_no_model_is_refused(hub: Hub) -> None:
    assert "is a web page" in refused(FormatError, url(hub, "page"))
    assert "is empty" in refused(FormatError, url(hub, "empty.gguf"))
    assert "There is no" in refused(InputError, url(hub, "gone.gguf"))


@pytest.mark.usefixtures("empty_cache")
def test_addresses_that_lead_nowhere() -> None:
    assert "127.0.0.1:9 cannot be reached" in refused(ConnectError, "http://127.0.0.1:9/m.gguf")
    assert "is not a URL" in refused(InputError, "http://127.0.0.1:99999/m.gguf")
    refused(ProtocolError, "http:///m.gguf")


def test_a_redirect_to_another_scheme_is_refused(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "urljoin", lambda *_: "file:///etc/passwd")
    hub.cdn_fault = "loop"
    assert "not to http" in refused(ProtocolError, url(hub, "m.gguf"))


def test_names_and_secrets() -> None:
    assert model_name("https://x.org/org/model/resolve/main/config.json") == "org/model"
    assert model_name("https://x.org/some%20model.gguf") == "some model"
    shown = without_secrets("https://user:pass@x.org:8080/m.gguf?sig=1#f")
    assert shown == "https://x.org:8080/m.gguf"
