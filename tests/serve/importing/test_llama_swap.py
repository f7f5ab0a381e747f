from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import KeyEntry, ModelEntry
from weighbridge.serve.config import check_config, key_digests, write_config
from weighbridge.serve.importing.llama_swap import from_llama_swap, is_llama_swap
from weighbridge.serve.importing.reading import Imported

FILE = Path(__file__).parents[2] / "data/importing/llama-swap.yaml"
ENVIRONMENT = {"MODELS": "/m", "SWAP_KEY": "wb-0123456789", "OPENROUTER_KEY": "sk-or-1"}


@pytest.fixture(scope="module")
def imported() -> Imported:
    document = yaml.safe_load(FILE.read_text())
    assert is_llama_swap(document)
    return from_llama_swap(document)


def one(cmd: str, **more: object) -> tuple[ModelEntry, tuple[str, ...]]:
    found = from_llama_swap({"models": {"m": {"cmd": cmd, **more}}})
    return found.config.models["m"], found.notes


def test_commands_have_their_macros_filled_in_and_stand_on_one_line(imported: Imported) -> None:
    coder = imported.config.models["qwen-coder"]
    assert coder.cmd == (
        "llama-server --host 127.0.0.1 --port ${PORT} -ngl 99 --ctx-size 32768 "
        "--model ${env.MODELS}/qwen2.5-coder-14b-q4_k_m.gguf"
    )
    assert coder.aliases == ("gpt-4o-mini", "coder")
    assert coder.env == {"CUDA_VISIBLE_DEVICES": "0", "LLAMA_CACHE": "${env.MODELS}/cache"}
    assert (coder.max_concurrency, coder.ttl, coder.cold_start) == (4, 300, 240)
    vision = imported.config.models["vision"]
    assert vision.cmd is not None
    assert "--name vision -p ${PORT}:8080" in vision.cmd
    assert (vision.stop, vision.ttl, vision.model) == ("docker stop vision", None, "pixtral-12b")


def test_a_fixed_port_becomes_ours_and_groups_pin(imported: Imported) -> None:
    embed = imported.config.models["embed"]
    assert embed.cmd == "text-embeddings-router --port ${PORT} --model-id BAAI/bge-m3"
    assert embed.pinned
    assert embed.preload
    assert embed.ttl == 900


def test_peers_become_servers_of_others(imported: Imported) -> None:
    assert imported.config.models["llama-70b"].urls == ("http://192.168.1.23:8080/v1",)
    hosted = imported.config.models["z-ai/glm-4.7"]
    assert (hosted.url, hosted.key_env) == ("https://openrouter.ai/api/v1", "OPENROUTER_KEY")


def test_keys_are_taken_over_without_their_tokens(imported: Imported) -> None:
    first, second = imported.config.keys
    assert isinstance(first, KeyEntry)
    assert second == "${env.SWAP_KEY}"
    assert "sk-workshop" not in write_config(imported.config, "")
    ((digest, _), _) = key_digests(imported.config, ENVIRONMENT)
    assert first.hash == f"sha256:{digest.hex()}"


@pytest.mark.parametrize(
    "words",
    [
        "`models.broken` has no `cmd`", "`models.qwen-coder.filters` is not taken over",
        "uses `${nowhere}`, which the file does not define", "needs ${PID}", "`logLevel`",
        "names 'ghost', which is no model", "`startPort`", "of the group 'chat'", "'always' became",
        "`peers.hosted.filters`", "checkEndpoint: none", "`unlisted`", "only digests stand",
        "fixed port 7997 became", "at once",
    ],
)  # fmt: skip
def test_what_is_not_taken_over_is_told(imported: Imported, words: str) -> None:
    assert any(words in note for note in imported.notes), imported.notes


def test_the_result_has_only_the_faults_that_were_told(imported: Imported, tmp_path: Path) -> None:
    text = write_config(imported.config, "")
    checked = check_config(text, tmp_path, origin="text", environment=ENVIRONMENT)
    assert [fault.where for fault in checked.faults] == ["models.old.cmd"]
    mended = text.replace(" --extra ${nowhere}", "")
    again = check_config(mended, tmp_path, origin="text", environment=ENVIRONMENT)
    assert again.faults == ()


def test_a_command_without_a_port_is_told() -> None:
    entry, notes = one("serve it")
    assert entry.cmd == "serve it"
    assert any("has no ${PORT}" in note for note in notes)


@pytest.mark.parametrize(
    ("cmd", "imported"),
    [
        ("docker run -p 9999:8080 image -m m", "docker run -p ${PORT}:8080 image -m m"),
        ("docker run --publish=9999:80/tcp i", "docker run --publish=${PORT}:80/tcp i"),
        ("sudo docker run -p 127.0.0.1:9999:9999 i", "sudo docker run -p 127.0.0.1:${PORT}:9999 i"),
        ("podman run -p 9999:9999 i --port 9999", "podman run -p ${PORT}:9999 i --port 9999"),
        ("docker run --network host i --port 9999", "docker run --network host i --port ${PORT}"),
        ("server --listen=0.0.0.0:9999", "server --listen=0.0.0.0:${PORT}"),
    ],
)
def test_a_fixed_port_becomes_ours_where_the_host_has_it(cmd: str, imported: str) -> None:
    entry, notes = one(cmd, proxy="http://127.0.0.1:9999")
    assert entry.cmd == imported
    assert any("fixed port 9999 became ${PORT}" in note for note in notes)


@pytest.mark.parametrize(
    "cmd", ["docker run -p 9999:80 -p 9999:81 i", "docker run -p 80:9999 i", "s -p 9999 -q 9999"]
)
def test_a_port_that_could_be_either_is_left_and_told(cmd: str) -> None:
    entry, notes = one(cmd, proxy="http://127.0.0.1:9999")
    assert entry.cmd == cmd
    assert any("has no ${PORT}" in note for note in notes)


def test_secrets_become_variables_and_are_told() -> None:
    def model(key: str) -> dict[str, object]:
        return {
            "cmd": f"docker run -p ${{PORT}}:80 -e HF_TOKEN=hf_{key} i --api-key '{key} x' "
            "--tokenizer mine --max-tokens 9",
            "env": [f"WANDB_API_KEY={key}", "TOKENIZERS_PARALLELISM=false", "HF_TOKEN=${env.MINE}"],
        }

    models = {"a": model("s3cr3t-1"), "1 b": model("s3cr3t-2")}
    found = from_llama_swap({"models": models})
    assert "s3cr3t" not in write_config(found.config, "") + "".join(found.notes)
    first, second = found.config.models["a"], found.config.models["1 b"]
    assert first.env == {
        "WANDB_API_KEY": "${env.WANDB_API_KEY}",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_TOKEN": "${env.MINE}",
    }
    assert first.cmd == (
        "docker run -p ${PORT}:80 -e HF_TOKEN=${env.HF_TOKEN} i --api-key ${env.API_KEY} "
        "--tokenizer mine --max-tokens 9"
    )
    assert second.env["WANDB_API_KEY"] == "${env._1_B_WANDB_API_KEY}", "another value"
    for words in ("`models.a.cmd` has a secret", "environment variable _1_B_HF_TOKEN"):
        assert any(words in note for note in found.notes), found.notes


def test_an_address_with_a_password_is_not_written() -> None:
    peers = {"far": {"proxy": "http://me:s3cr3t@10.0.0.1", "models": ["x"]}}
    found = from_llama_swap({"models": {"m": {"cmd": "x ${PORT}"}}, "peers": peers})
    assert "s3cr3t" not in write_config(found.config, "") + "".join(found.notes)
    assert any("`peers.far.proxy` has a user name" in note for note in found.notes)


def test_macros_that_lead_in_circles_end() -> None:
    found = from_llama_swap(
        {"macros": {"a": "${b}${b}", "b": "${a}${a}"}, "models": {"m": {"cmd": "${a}"}}}
    )
    assert len(found.config.models["m"].cmd or "") <= 65_536


def test_groups_are_found_where_newer_files_have_them() -> None:
    groups = {"g": {"persistent": True, "members": ["m"]}}
    routing = {"router": {"use": "group", "settings": {"groups": groups}}}
    found = from_llama_swap({"models": {"m": {"cmd": "x ${PORT}"}}, "routing": routing})
    assert found.config.models["m"].pinned


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_whatever_a_file_has_it_is_read_or_refused(data: st.DataObject) -> None:
    document = yaml.safe_load(FILE.read_text())
    table = data.draw(
        st.sampled_from([document, document["models"]["qwen-coder"], document["groups"]])
    )
    for key in data.draw(st.lists(st.sampled_from(sorted(table)), max_size=4)):
        table[key] = data.draw(VALUES)
    try:
        found = from_llama_swap(document)
    except ConfigError:
        return
    text = write_config(found.config, "")
    check_config(text, Path(), origin="text", environment=ENVIRONMENT)
