from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from weighbridge.core.candidate import Candidate
from weighbridge.core.estimate import Engine, EngineName, Offload, Parallelism, Settings
from weighbridge.core.machine import Machine
from weighbridge.engines.commands import launches
from weighbridge.facts.devices import parse_machine

HOST = parse_machine("8x H100 SXM")


def candidate(
    engine: EngineName,
    *,
    spread: Parallelism = Parallelism(),  # noqa: B008 -- frozen
    quantization: str = "bf16",
    published: bool = True,
    kv: float = 2.0,
    replicas: int = 1,
    offload: Offload = Offload(),  # noqa: B008 -- frozen
    source: str = "Qwen/Qwen3-8B",
) -> Candidate:
    settings = Settings(
        Engine(engine), 16384, 6, spread, kv_bytes_per_value=kv, max_num_seqs=8, offload=offload
    )
    return Candidate("Qwen/Qwen3-8B", quantization, settings, replicas, source, published)


def only(of: Candidate, machine: Machine = HOST) -> str:
    (command,) = launches(of, machine)[0].commands
    return command


def test_vllm() -> None:
    of = candidate(
        "vllm", spread=Parallelism(8, expert=8), quantization="fp8", published=False, kv=1
    )
    assert only(of) == (
        "vllm serve Qwen/Qwen3-8B --max-model-len 16384 --max-num-seqs 8 --tensor-parallel-size 8 "
        "--enable-expert-parallel --quantization fp8 --kv-cache-dtype fp8 "
        "--gpu-memory-utilization 0.9"
    )


def test_vllm_with_copied_attention() -> None:
    words = only(candidate("vllm", spread=Parallelism(1, expert=8, attention_data=8)))
    assert "--data-parallel-size 8 --enable-expert-parallel" in words
    assert "tensor-parallel" not in words


def test_sglang() -> None:
    of = candidate("sglang", spread=Parallelism(1, expert=8, attention_data=8), kv=1)
    assert only(of) == (
        "python -m sglang.launch_server --model-path Qwen/Qwen3-8B --context-length 16384 "
        "--max-running-requests 64 --tp-size 8 --dp-size 8 --enable-dp-attention --ep-size 8 "
        "--kv-cache-dtype fp8_e4m3"
    )


def test_trtllm_takes_the_cache_format_from_a_file() -> None:
    (launch,) = launches(candidate("trtllm", spread=Parallelism(8), kv=1), HOST)
    assert " ".join(launch.commands) == (
        "trtllm-serve Qwen/Qwen3-8B --max_seq_len 16384 --max_batch_size 8 --max_num_tokens 8192 "
        "--tp_size 8 --kv_cache_free_gpu_memory_fraction 0.9 --extra_llm_api_options trtllm.yaml"
    )
    assert dict(launch.files)["trtllm.yaml"] == (
        "kv_cache_config:\n  dtype: fp8\n  free_gpu_memory_fraction: 0.9\n"
    )
    assert not launches(candidate("trtllm", spread=Parallelism(8)), HOST)[0].files


def test_llamacpp_gets_the_context_of_all_slots_and_ollama_a_modelfile() -> None:
    of = candidate(
        "llama.cpp", quantization="Q4_K_M", published=False, kv=34 / 32,
        offload=Offload(cpu_expert_layers=12),
    )  # fmt: skip
    server, ollama = launches(of, parse_machine("RTX 4090"))
    assert " ".join(server.commands) == (
        'llama-server --model "$GGUF" --ctx-size 98304 --parallel 6 --n-gpu-layers '
        "all --n-cpu-moe 12 --flash-attn on --cache-type-k q8_0 --cache-type-v q8_0"
    )
    assert dict(ollama.files)["Modelfile"] == "FROM $GGUF\nPARAMETER num_ctx 16384\n"
    assert ollama.commands[0] == (
        "OLLAMA_NUM_PARALLEL=6 OLLAMA_FLASH_ATTENTION=1 OLLAMA_KV_CACHE_TYPE=q8_0 ollama serve"
    )
    assert ollama.once == ("ollama create qwen3-8b-q4_k_m -f Modelfile",)
    assert any("Ollama cannot leave experts" in note for note in ollama.notes)


def test_a_gguf_file_is_given_as_it_is() -> None:
    of = candidate("llama.cpp", quantization="Q8_0", source="/models/my model.gguf")
    server, ollama = launches(of, parse_machine("RTX 4090"))
    assert "--model '/models/my model.gguf'" in server.commands[0]
    assert dict(ollama.files)["Modelfile"].startswith("FROM /models/my model.gguf\n")
    assert not server.notes


def test_a_processor_has_no_layers_to_give_away() -> None:
    box = replace(HOST, device=replace(HOST.device, kind="cpu"), count=1)
    server, _ = launches(candidate("llama.cpp", quantization="Q8_0"), box)
    assert "--n-gpu-layers 0 " in server.commands[0]


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm", "llama.cpp"])
def test_replicas_have_devices_and_ports_of_their_own(engine: EngineName) -> None:
    (launch, *_) = launches(candidate(engine, spread=Parallelism(2), replicas=3), HOST)
    assert len(launch.commands) == 3
    devices = [command.split()[0] for command in launch.commands]
    assert devices == [f"CUDA_VISIBLE_DEVICES={n},{n + 1}" for n in (0, 2, 4)]
    ports = {int(shlex.split(command)[-1]) for command in launch.commands}
    assert len(ports) == 3


def test_amd_has_another_variable_and_unused_devices_are_hidden() -> None:
    host = parse_machine("8x MI300X")
    assert only(candidate("vllm"), host).startswith("HIP_VISIBLE_DEVICES=0 vllm serve")


def test_a_checkpoint_that_has_to_be_found_is_a_variable_and_a_note() -> None:
    of = candidate("vllm", quantization="AWQ int4 g128", published=False)
    (launch,) = launches(of, HOST)
    assert '"$CHECKPOINT"' in launch.commands[0]
    assert "AWQ int4 g128" in launch.notes[0]
    # TensorRT-LLM does not shorten weights while it loads them.
    (launch,) = launches(candidate("trtllm", quantization="fp8", published=False), HOST)
    assert '"$CHECKPOINT"' in launch.commands[0]


def test_a_share_of_the_memory_that_was_asked_for_is_passed_on() -> None:
    for engine, flag in (
        ("vllm", "--gpu-memory-utilization 0.95"),
        ("sglang", "--mem-fraction-static 0.95"),
        ("trtllm", "--kv_cache_free_gpu_memory_fraction 0.95"),
    ):
        of = candidate(engine)  # type: ignore[arg-type]
        asked = replace(of, settings=replace(of.settings, utilisation=0.95))
        assert flag in only(asked)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_no_engine_is_started_on_a_bare_configuration(engine: EngineName) -> None:
    of = candidate(engine, spread=Parallelism(8), source="/models/qwen/config.json")
    (launch,) = launches(of, HOST)
    assert "config.json" not in launch.commands[0]
    assert '"$CHECKPOINT"' in launch.commands[0]
    (note,) = launch.notes
    assert "weights of Qwen/Qwen3-8B" in note
    assert "no engine starts from /models/qwen/config.json alone" in note


def test_a_share_that_is_told_stands_in_the_command() -> None:
    of = candidate("sglang", spread=Parallelism(8), kv=1.0)
    told = replace(of, settings=replace(of.settings, utilisation=0.92))
    assert only(told).endswith("--kv-cache-dtype fp8_e4m3 --mem-fraction-static 0.92")
    assert "mem-fraction" not in only(of)
