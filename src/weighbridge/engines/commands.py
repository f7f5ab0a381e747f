"""The command lines that start engines as a plan has settled them.

Flags as of vLLM 0.19, SGLang 0.5.9, TensorRT-LLM 1.2 (``tensorrt_llm/commands/serve.py``),
llama.cpp of 2026-11 (``tools/server/README.md``) and Ollama 0.12. Earlier releases have them, too,
except that llama.cpp's ``--flash-attn`` took no value before 2025-09.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.candidate import Candidate
from weighbridge.core.machine import Machine

_FIRST_PORT: Final = {"vllm": 8000, "sglang": 30000, "trtllm": 8000, "llama.cpp": 8080}
# The weights of a checkpoint in 16 bits are shortened while they are loaded.
_ON_LOADING: Final = {("vllm", "fp8"), ("sglang", "fp8")}
_LONG_CACHE: Final = 2.0
_CHECKPOINT: Final = "$CHECKPOINT"
_VISIBLE: Final = {"NVIDIA": "CUDA_VISIBLE_DEVICES", "AMD": "HIP_VISIBLE_DEVICES"}
# Ollama's names of cache formats, by bytes per number.
_CACHE_TYPES: Final = {2.0: "f16", 34 / 32: "q8_0", 4.0: "f32"}


@dataclass(frozen=True, slots=True)
class Launch:
    """How an engine is started.

    Attributes:
        engine: its name as people know it.
        commands: shell commands, one per replica.
        files: names and contents of files that they need beside the weights.
        notes: sentences on what has to be there first.
    """

    engine: str
    commands: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def launches(candidate: Candidate, machine: Machine) -> tuple[Launch, ...]:
    """How to start a candidate; a GGUF file can also be given to Ollama."""
    match candidate.settings.engine.name:
        case "vllm":
            return (_vllm(candidate, machine),)
        case "sglang":
            return (_sglang(candidate, machine),)
        case "trtllm":
            return (_trtllm(candidate, machine),)
        case "llama.cpp":
            return (_llama_server(candidate, machine), _ollama(candidate))


def _vllm(of: Candidate, machine: Machine) -> Launch:
    settings, spread = of.settings, of.settings.parallelism
    words: list[object] = ["vllm", "serve", _checkpoint(of), "--max-model-len", settings.context]
    words += ["--max-num-seqs", settings.max_num_seqs or settings.users]
    words += _if(spread.tensor > 1, "--tensor-parallel-size", spread.tensor)
    words += _if(spread.attention_data > 1, "--data-parallel-size", spread.attention_data)
    words += _if(spread.expert > 1, "--enable-expert-parallel")
    words += _if(_converted(of), "--quantization", "fp8")
    words += _if(settings.kv_bytes_per_value == 1, "--kv-cache-dtype", "fp8")
    words += ["--gpu-memory-utilization", _share(settings.utilisation or 0.9)]
    return Launch("vLLM", _replicas(of, machine, words, "--port"), notes=_needs(of))


def _sglang(of: Candidate, machine: Machine) -> Launch:
    settings, spread = of.settings, of.settings.parallelism
    words: list[object] = ["python", "-m", "sglang.launch_server", "--model-path", _checkpoint(of)]
    words += ["--context-length", settings.context]
    # With attention copied, SGLang counts sequences of all copies and devices of all of them.
    slots = (settings.max_num_seqs or settings.users) * spread.attention_data
    words += ["--max-running-requests", slots]
    words += _if(spread.devices > 1, "--tp-size", spread.devices)
    copies = spread.attention_data
    words += _if(copies > 1, "--dp-size", copies, "--enable-dp-attention")
    words += _if(spread.expert > 1, "--ep-size", spread.expert)
    words += _if(_converted(of), "--quantization", "fp8")
    words += _if(settings.kv_bytes_per_value == 1, "--kv-cache-dtype", "fp8_e4m3")
    if settings.utilisation is not None:
        words += ["--mem-fraction-static", _share(settings.utilisation)]
    return Launch("SGLang", _replicas(of, machine, words, "--port"), notes=_needs(of))


def _trtllm(of: Candidate, machine: Machine) -> Launch:
    settings, spread = of.settings, of.settings.parallelism
    words: list[object] = ["trtllm-serve", _checkpoint(of), "--max_seq_len", settings.context]
    words += ["--max_batch_size", settings.max_num_seqs or settings.users]
    words += ["--max_num_tokens", settings.max_num_batched_tokens or 8192]
    words += _if(spread.devices > 1, "--tp_size", spread.devices)
    words += _if(spread.expert > 1, "--ep_size", spread.expert)
    share = _share(settings.utilisation or 0.9)
    words += ["--kv_cache_free_gpu_memory_fraction", share]
    lines = []
    if settings.kv_bytes_per_value == 1:
        lines += ["kv_cache_config:", "  dtype: fp8", f"  free_gpu_memory_fraction: {share}"]
    if spread.attention_data > 1:
        lines.append("enable_attention_dp: true")
    files = (("trtllm.yaml", "\n".join([*lines, ""])),) if lines else ()
    words += _if(bool(files), "--extra_llm_api_options", "trtllm.yaml")
    notes = _needs(of)
    if settings.kv_bytes_per_value == _LONG_CACHE and not of.quantization.startswith("bf16"):
        notes = (*notes, "A checkpoint that states an fp8 KV cache gets one; take one without.")
    return Launch("TensorRT-LLM", _replicas(of, machine, words, "--port"), files, notes)


def _llama_server(of: Candidate, machine: Machine) -> Launch:
    settings, offload = of.settings, of.settings.offload
    words: list[object] = ["llama-server", "--model", _gguf(of)]
    # The context is of all slots together.
    words += ["--ctx-size", settings.context * settings.users, "--parallel", settings.users]
    layers = "all" if offload.gpu_layers is None else offload.gpu_layers
    words += ["--n-gpu-layers", 0 if machine.device.kind == "cpu" else layers]
    words += _if(offload.cpu_expert_layers > 0, "--n-cpu-moe", offload.cpu_expert_layers)
    words += ["--flash-attn", "on" if settings.flash_attention else "off"]
    cache = _CACHE_TYPES.get(settings.kv_bytes_per_value, "f16")
    words += _if(cache != "f16", "--cache-type-k", cache, "--cache-type-v", cache)
    words += _if(settings.micro_batch != 512, "--ubatch-size", settings.micro_batch)
    return Launch("llama.cpp", _replicas(of, machine, words, "--port"), notes=_needs_gguf(of))


def _ollama(of: Candidate) -> Launch:
    """One server; it spreads a model over devices by itself."""
    settings = of.settings
    lines = [f"FROM ./{_gguf(of).removeprefix('./')}", f"PARAMETER num_ctx {settings.context}"]
    if _gguf(of).startswith("/"):
        lines[0] = f"FROM {_gguf(of)}"
    if settings.offload.gpu_layers is not None:
        lines.append(f"PARAMETER num_gpu {settings.offload.gpu_layers}")
    users = settings.users * of.replicas
    cache = _CACHE_TYPES.get(settings.kv_bytes_per_value, "f16")
    server = f"OLLAMA_NUM_PARALLEL={users} OLLAMA_FLASH_ATTENTION=1"
    server += "" if cache == "f16" else f" OLLAMA_KV_CACHE_TYPE={cache}"
    name = shlex.quote(_short_name(of).lower())
    notes = [
        *_needs_gguf(of),
        "`ollama serve` stays in the foreground; create the model beside it.",
    ]
    if settings.offload.cpu_expert_layers:
        notes.append("Ollama cannot leave experts alone to the host; expect it to be slower.")
    return Launch(
        "Ollama",
        (f"{server} ollama serve", f"ollama create {name} -f Modelfile"),
        (("Modelfile", "\n".join([*lines, ""])),),
        tuple(notes),
    )


def _replicas(
    of: Candidate, machine: Machine, words: Sequence[object], port: str
) -> tuple[str, ...]:
    """The command once per replica, each with devices and a port of its own."""
    base, each = _FIRST_PORT[of.settings.engine.name], of.settings.parallelism.devices
    text = " ".join(map(_quoted, words))
    if of.replicas == 1 and each >= machine.count:
        return (text,)
    variable = _VISIBLE.get(machine.device.vendor, "")
    commands = []
    for number in range(of.replicas):
        devices = ",".join(str(number * each + place) for place in range(each))
        chosen = f"{variable}={devices} " if variable else ""
        listening = f" {port} {base + number}" if of.replicas > 1 else ""
        commands.append(f"{chosen}{text}{listening}")
    return tuple(commands)


def _checkpoint(of: Candidate) -> str:
    """What is loaded: the published weights, or a checkpoint that the user has to name."""
    ready = of.published or _converted(of)
    return of.source or of.model if ready and not _is_configuration(of) else _CHECKPOINT


def _is_configuration(of: Candidate) -> bool:
    """Whether all that was given is a configuration, without weights to load."""
    return of.source.endswith(".json")


def _converted(of: Candidate) -> bool:
    """Whether the engine itself shortens the published weights."""
    return not of.published and (of.settings.engine.name, of.quantization) in _ON_LOADING


def _needs(of: Candidate) -> tuple[str, ...]:
    ready = of.published or _converted(of)
    if ready and not _is_configuration(of):
        return ()
    if ready:
        what = f"CHECKPOINT stands for the weights of {of.model}: no engine starts from {of.source}"
        return (f"{what} alone. Set it to their Hub id, or to the folder that has them.",)
    what = f"CHECKPOINT stands for a checkpoint of {of.model} in {of.quantization}"
    return (f"{what}: a Hub id, or the folder that a quantization tool wrote.",)


def _gguf(of: Candidate) -> str:
    given = of.source or of.model
    return given if given.endswith(".gguf") else f"{_short_name(of)}.gguf"


def _needs_gguf(of: Candidate) -> tuple[str, ...]:
    if _gguf(of) == (of.source or of.model):
        return ()
    return (f"{_gguf(of)} stands for a GGUF file of {of.model} in {of.quantization}.",)


def _short_name(of: Candidate) -> str:
    """``Qwen3-8B-Q4_K_M``; a format's explanations are left out."""
    return f"{of.model.rpartition('/')[2]}-{of.quantization.partition(' ')[0]}"


def _if(wanted: bool, *words: object) -> Iterable[object]:
    return words if wanted else ()


def _share(value: float) -> str:
    return f"{value:.4g}"


def _quoted(word: object) -> str:
    return '"$CHECKPOINT"' if word == _CHECKPOINT else shlex.quote(str(word))
