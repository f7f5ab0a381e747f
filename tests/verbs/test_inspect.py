from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from inline_snapshot import snapshot

from tests.facts import gguf_models
from tests.facts.gguf_writer import write_gguf
from tests.fakes.clock import FakeClock
from weighbridge.core.effects import Store
from weighbridge.core.runs import RunInfo, RunKind
from weighbridge.core.study import ModelSheet
from weighbridge.verbs.inspect import (
    ACTIVE_CONVENTION,
    KV_DTYPES,
    STATE_DTYPE,
    inspect,
    keep,
    to_json,
)


class Shelf:
    """The two methods of a store that a sheet needs."""

    def __init__(self) -> None:
        self.saved: list[tuple[RunInfo, object]] = []

    def new_info(self, kind: RunKind, *, model: str, subject: str, key: str) -> RunInfo:
        return RunInfo("inspect-000001", kind, "2026-01-02", model, subject, key, "host", "0")

    def save(self, info: RunInfo, record: object) -> None:
        self.saved.append((info, record))


def as_json(path: Path, **options: Any) -> dict[str, Any]:
    record = to_json(inspect(str(path), FakeClock()), **options)
    record["provenance"]["source"] = Path(record["provenance"]["source"]).name
    return record


def test_json_keys_are_stable(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "mixture.gguf", *gguf_models.mixture())
    assert as_json(path, contexts=(512, 8192)) == snapshot(
        {
            "name": "tiny qwen3moe",
            "model_type": "qwen3moe",
            "parameters": {
                "total": 113472,
                "active": 76608,
                "counted": 113472,
                "incomplete": [],
                "active_convention": ACTIVE_CONVENTION,
                "mtp": 0,
                "by_component": {
                    "embedding": 6144,
                    "per_layer_embedding": 0,
                    "attention": 24576,
                    "indexer": 0,
                    "linear_mixer": 0,
                    "mlp": 24576,
                    "experts": 49152,
                    "shared_expert": 2048,
                    "router": 512,
                    "norm": 320,
                    "lm_head": 6144,
                    "vision": 0,
                    "audio": 0,
                    "mtp": 0,
                    "other": 0,
                },
            },
            "layers": [
                {
                    "first": 0,
                    "count": 1,
                    "text": "GQA 4 heads on 2 KV heads of 16, MLP 128",
                    "unit": [
                        {
                            "text": "GQA 4 heads on 2 KV heads of 16, MLP 128",
                            "parameters": 36992,
                            "mixer": {
                                "kind": "full",
                                "name": "GQA",
                                "heads": 4,
                                "kv_heads": 2,
                                "key_dim": 16,
                                "value_dim": 16,
                            },
                            "mlp": {
                                "kind": "dense",
                                "width": 128,
                                "experts": 0,
                                "active": 0,
                                "expert_width": 0,
                                "shared": 0,
                            },
                        }
                    ],
                },
                {
                    "first": 1,
                    "count": 1,
                    "text": "GQA 4 heads on 2 KV heads of 16, 2 of 8 experts of 32",
                    "unit": [
                        {
                            "text": "GQA 4 heads on 2 KV heads of 16, 2 of 8 experts of 32",
                            "parameters": 64128,
                            "mixer": {
                                "kind": "full",
                                "name": "GQA",
                                "heads": 4,
                                "kv_heads": 2,
                                "key_dim": 16,
                                "value_dim": 16,
                            },
                            "mlp": {
                                "kind": "experts",
                                "width": 0,
                                "experts": 8,
                                "active": 2,
                                "expert_width": 32,
                                "shared": 0,
                            },
                        }
                    ],
                },
            ],
            "kv_cache": {
                "dtype": "bf16",
                "bytes_per_token": 256,
                "bytes_at": {"512": 131072, "8192": 2097152},
                "full_length_bytes_at": {"512": 131072, "8192": 2097152},
                "allocated_at": {
                    "llama.cpp": {"512": 131072, "8192": 2097152},
                    "vllm": {"512": 131072, "8192": 2097152},
                },
                "state_bytes": 0,
                "state_dtype": STATE_DTYPE,
                "beyond_context": [8192],
            },
            "weights": {
                "format": "gguf",
                "quantization": "Q8_0",
                "kind": "measured",
                "bytes": 123008,
                "file_bytes": 126080,
                "bytes_by_dtype": {"Q8_0": 119680, "F32": 3328},
                "bytes_in_other_formats": {
                    "bf16": 226944,
                    "fp8": 126616,
                    "int8": 129728,
                    "AWQ int4 g128": 78376,
                    "GPTQ int4 g128": 84648,
                    "NVFP4": 82688,
                    "mxfp4": 154752,
                    "Q8_0": 123008,
                    "Q6_K": 116891,
                    "Q5_K_M": 90416,
                    "Q4_K_M": 84315,
                    "Q4_0": 69760,
                    "Q3_K_M": 69760,
                    "Q2_K": 66405,
                },
            },
            "context": {"native": 512, "extended": None},
            "vocabulary": 96,
            "hidden": 64,
            "tied_embeddings": False,
            "license": "apache-2.0",
            "license_summary": "commercial use allowed",
            "assumptions": [],
            "provenance": {
                "kind": "measured",
                "source": "mixture.gguf",
                "date": "2026-01-05T12:00:00Z",
            },
        }
    )


def test_unknown_is_null(tmp_path: Path) -> None:
    metadata, tensors = gguf_models.unmodelled()
    del metadata["invented.context_length"]
    del metadata["general.license"]
    result = as_json(write_gguf(tmp_path / "h.gguf", metadata, tensors))
    assert result["kv_cache"] == {
        "dtype": "bf16",
        "bytes_per_token": None,
        "bytes_at": {"8192": None, "32768": None, "131072": None},
        "full_length_bytes_at": {"8192": None, "32768": None, "131072": None},
        "allocated_at": {
            "llama.cpp": {"8192": None, "32768": None, "131072": None},
            "vllm": {"8192": None, "32768": None, "131072": None},
        },
        "state_bytes": None,
        "state_dtype": STATE_DTYPE,
        "beyond_context": [],
    }
    assert result["context"] == {"native": None, "extended": None}
    assert result["license"] is None
    assert result["layers"][0]["unit"][0]["mixer"] == {"kind": "unknown", "name": ""}
    assert result["layers"][0]["text"] == "mixer not modelled, MLP 128"
    assert [run["first"] for run in result["layers"]] == [0, 1, 2]


def test_kv_dtype_scales_the_cache(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "l.gguf", *gguf_models.llama())
    per_value = {name: as_json(path, kv_dtype=name)["kv_cache"] for name in KV_DTYPES}
    assert {name: cache["bytes_per_token"] for name, cache in per_value.items()} == {
        "bf16": 256,
        "f16": 256,
        "f32": 512,
        "fp8": 128,
        "q8_0": 136,
    }
    assert all(cache["dtype"] == name for name, cache in per_value.items())


def test_states_keep_their_format_whatever_the_cache_has(tmp_path: Path) -> None:
    config = {
        "model_type": "falcon_mamba", "hidden_size": 64, "state_size": 8, "conv_kernel": 4,
        "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 100, "time_step_rank": 4,
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    caches = [as_json(path, kv_dtype=name)["kv_cache"] for name in KV_DTYPES]
    assert caches[0]["state_bytes"] > 0
    assert {cache["state_bytes"] for cache in caches} == {caches[0]["state_bytes"]}
    assert {cache["bytes_at"]["8192"] for cache in caches} == {caches[0]["state_bytes"]}


def test_windows_and_single_kv_heads_are_said_in_words(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "s.gguf", *gguf_models.sliding())
    texts = [run["text"] for run in as_json(path)["layers"]]
    assert texts[:2] == [
        "5 × GQA 4 heads on 2 KV heads of 16, window 32, MLP 128",
        "GQA 4 heads on 2 KV heads of 16, MLP 128",
    ]
    path = write_gguf(tmp_path / "p.gguf", *gguf_models.per_layer_heads())
    assert as_json(path)["layers"][1]["text"] == "MQA 4 heads on 1 KV head of 16, MLP 128"


def test_the_provenance_is_the_file_read_now(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "l.gguf", *gguf_models.llama())
    provenance = as_json(path)["provenance"]
    date = FakeClock().now_iso()
    assert provenance == {"kind": "measured", "source": path.name, "date": date}


def test_a_sheet_is_saved_as_a_run(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "l.gguf", *gguf_models.llama())
    shelf = Shelf()
    result = keep(cast(Store, shelf), inspect(str(path), FakeClock()))
    assert shelf.saved == [(result.info, result)]
    assert isinstance(result, ModelSheet)
    assert (result.info.kind, result.info.model) == ("inspect", "tiny llama")
    assert (result.info.subject, result.path) == ("l.gguf", str(path))
    path = write_gguf(tmp_path / "q.gguf", *gguf_models.qwen2())
    other = keep(cast(Store, shelf), inspect(str(path), FakeClock()), "mine")
    assert other.info.key != result.info.key
    assert other.info.model == "mine"


@pytest.mark.parametrize("offline", [True, False])
def test_the_catalogue_answers_where_the_hub_cannot_be_asked(offline: bool, tmp_path: Path) -> None:
    found = _in_a_process_without_hub("qwen3-8b", offline=offline, home=tmp_path)
    assert found["name"] == "Qwen/Qwen3-8B"
    assert found["provenance"]["kind"] == "catalogue"
    assert found["license"] == "apache-2.0"
    assert any("catalogue" in note for note in found["assumptions"])


def test_a_model_that_the_catalogue_lacks_stays_unreachable(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _in_a_process_without_hub("nobody/nothing", offline=False, home=tmp_path)
    assert caught.value.returncode == 3
    assert "cannot be reached" in caught.value.stderr


def _in_a_process_without_hub(name: str, *, offline: bool, home: Path) -> dict[str, Any]:
    """The Hub's library reads its settings once per process."""
    hub = {"HF_HUB_OFFLINE": "1"} if offline else {"HF_ENDPOINT": "http://127.0.0.1:9"}
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "HF_HOME": str(home), **hub}
    command = [sys.executable, "-m", "weighbridge.cli", "inspect", name, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document
