"""The command lines that start engines as a plan has settled them.

Flags as of vLLM 0.19, SGLang 0.5.9, TensorRT-LLM 1.2 (``tensorrt_llm/commands/serve.py``),
llama.cpp of 2026-11 (``tools/server/README.md``) and Ollama 0.12. Earlier releases have them, too,
except that llama.cpp's ``--flash-attn`` took no value before 2025-09.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.candidate import Candidate
from weighbridge.core.machine import Machine

_FIRST_PORT: Final = {"vllm": 8000, "sglang": 30000, "trtllm": 8000, "llama.cpp": 8080}
_OLLAMA_PORT: Final = 11434
# Devices of one computer: mainboards take eight; NVL72 racks join many computers of four.
_IN_A_HOST: Final = 8
_IN_A_TRAY: Final = 4
# The weights of a checkpoint in 16 bits are shortened while they are loaded.
_ON_LOADING: Final = {("vllm", "fp8"), ("sglang", "fp8")}
_LONG_CACHE: Final = 2.0
_CHECKPOINT: Final = "$CHECKPOINT"
_GGUF: Final = "$GGUF"
_VISIBLE: Final = {"NVIDIA": "CUDA_VISIBLE_DEVICES", "AMD": "HIP_VISIBLE_DEVICES"}
# Ollama's names of cache formats, by bytes per number.
_CACHE_TYPES: Final = {2.0: "f16", 34 / 32: "q8_0", 4.0: "f32"}


@dataclass(frozen=True, slots=True)
class Launch:
    """How an engine is started.

    Attributes:
        engine: its name as people know it.
        commands: shell commands, one per replica, that stay in the foreground; none where no
            single command starts it.
        files: names and contents of files that they need beside the weights; ``$NAME`` in them
            stands for a variable.
        notes: sentences on what has to be there first.
        needs: shell variables that commands and files use, and what they have to be set to.
        hosts: of each command, which computer it belongs to, from 1.
        once: commands that are run once the first server answers.
    """

    engine: str
    commands: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    needs: tuple[tuple[str, str], ...] = ()
    hosts: tuple[int, ...] = ()
    once: tuple[str, ...] = ()


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
            return (_llama_server(candidate, machine), _ollama(candidate, machine))


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
    return _served("vLLM", of, machine, words)


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
    return _served("SGLang", of, machine, words)


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
    found = replace(_served("TensorRT-LLM", of, machine, words), files=files)
    if settings.kv_bytes_per_value == _LONG_CACHE and not of.quantization.startswith("bf16"):
        said = "A checkpoint that states an fp8 KV cache gets one; take one without."
        return replace(found, notes=(*found.notes, said))
    return found


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
    return _served("llama.cpp", of, machine, words)


def _ollama(of: Candidate, machine: Machine) -> Launch:
    """A server per replica; each spreads the model over the devices that it sees."""
    settings = of.settings
    given = _gguf(of)
    source = given if given.startswith(("/", "$")) else f"./{given.removeprefix('./')}"
    lines = [f"FROM {source}", f"PARAMETER num_ctx {settings.context}"]
    if settings.offload.gpu_layers is not None:
        lines.append(f"PARAMETER num_gpu {settings.offload.gpu_layers}")
    cache = _CACHE_TYPES.get(settings.kv_bytes_per_value, "f16")
    server = f"OLLAMA_NUM_PARALLEL={settings.users} OLLAMA_FLASH_ATTENTION=1"
    server += "" if cache == "f16" else f" OLLAMA_KV_CACHE_TYPE={cache}"
    notes = []
    if settings.offload.cpu_expert_layers:
        notes.append("Ollama cannot leave experts alone to the host; expect it to be slower.")
    spots = _spots(of, machine)
    problem = _beyond_a_host(of, machine)
    commands = [
        f"{_chosen(spot)}{_ollama_address(spot, of.replicas)}{server} ollama serve"
        for spot in spots
    ]
    return Launch(
        "Ollama",
        () if problem else tuple(commands),
        (("Modelfile", "\n".join([*lines, ""])),),
        (*problem, *notes, *(said for _, said in _needs_gguf(of))),
        needs=_variables(_needs_gguf(of)),
        hosts=tuple(spot.host for spot in spots),
        once=(f"ollama create {shlex.quote(_short_name(of).lower())} -f Modelfile",),
    )


def _ollama_address(spot: _Spot, replicas: int) -> str:
    return f"OLLAMA_HOST=127.0.0.1:{_OLLAMA_PORT + spot.port} " if replicas > 1 else ""


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where one replica runs.

    Attributes:
        host: which computer, from 1.
        port: of those that the host's servers take, from 0.
        devices: their numbers there.
        variable: that shows an engine these devices alone, or "".
    """

    host: int
    port: int
    devices: tuple[int, ...]
    variable: str


def _served(name: str, of: Candidate, machine: Machine, words: Sequence[object]) -> Launch:
    """A server's command once per replica, each with devices and a port of its own."""
    base, spots = _FIRST_PORT[of.settings.engine.name], _spots(of, machine)
    text = " ".join(map(_quoted, words))
    missing = _needs_gguf(of) if of.settings.engine.name == "llama.cpp" else _needs(of)
    problem = _beyond_a_host(of, machine)
    commands = [
        f"{_chosen(spot)}{text}" + (f" --port {base + spot.port}" if of.replicas > 1 else "")
        for spot in spots
    ]
    return Launch(
        name,
        () if problem else tuple(commands),
        notes=(*problem, *(said for _, said in missing)),
        needs=_variables(missing),
        hosts=tuple(spot.host for spot in spots),
    )


def _in_a_host(machine: Machine) -> int:
    return _IN_A_TRAY if machine.device.link.domain > _IN_A_HOST else _IN_A_HOST


def _beyond_a_host(of: Candidate, machine: Machine) -> tuple[str, ...]:
    """A sentence where one replica takes more devices than a computer has."""
    each, room = of.settings.parallelism.devices, _in_a_host(machine)
    if each <= room or machine.count <= room:
        return ()
    said = (
        f"One server over {each} × {machine.device.name} spans {-(-each // room)} computers of "
        f"{room}: that takes a launcher across computers (Ray, Slurm, mpirun, or llama.cpp's RPC), "
        "for which no command is written here."
    )
    return (said,)


def _spots(of: Candidate, machine: Machine) -> list[_Spot]:
    """Devices and ports of every replica, computer by computer."""
    each, room = of.settings.parallelism.devices, min(_in_a_host(machine), machine.count)
    alone = of.replicas == 1 and each >= machine.count
    variable = "" if alone else _VISIBLE.get(machine.device.vendor, "")
    fit = max(1, room // each)
    spots = []
    for number in range(of.replicas):
        host, port = divmod(number, fit)
        devices = tuple(range(port * each, (port + 1) * each))
        spots.append(_Spot(host + 1, port, devices, variable))
    return spots


def _chosen(spot: _Spot) -> str:
    return f"{spot.variable}={','.join(map(str, spot.devices))} " if spot.variable else ""


def _variables(missing: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """What commands fail for, loudly, as long as it is not set."""
    return tuple((name, f"set {name}: {said}") for name, said in missing if name)


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


def _needs(of: Candidate) -> tuple[tuple[str, str], ...]:
    """Variables that commands use, and what they stand for."""
    ready = of.published or _converted(of)
    if ready and not _is_configuration(of):
        return ()
    if ready:
        what = f"CHECKPOINT stands for the weights of {of.model}: no engine starts from {of.source}"
        said = f"{what} alone. Set it to their Hub id, or to the folder that has them."
    else:
        what = f"CHECKPOINT stands for a checkpoint of {of.model} in {of.quantization}"
        said = f"{what}: a Hub id, or the folder that a quantization tool wrote."
    return (("CHECKPOINT", said),)


def _gguf(of: Candidate) -> str:
    given = of.source or of.model
    return given if given.endswith(".gguf") else _GGUF


def _needs_gguf(of: Candidate) -> tuple[tuple[str, str], ...]:
    if _gguf(of) != _GGUF:
        return ()
    said = f"GGUF stands for the whole path of a GGUF file of {of.model} in {of.quantization}."
    return (("GGUF", said),)


def _short_name(of: Candidate) -> str:
    """``Qwen3-8B-Q4_K_M``; a format's explanations are left out."""
    return f"{of.model.rpartition('/')[2]}-{of.quantization.partition(' ')[0]}"


def _if(wanted: bool, *words: object) -> Iterable[object]:
    return words if wanted else ()


def _share(value: float) -> str:
    return f"{value:.4g}"


def _quoted(word: object) -> str:
    return f'"{word}"' if word in (_CHECKPOINT, _GGUF) else shlex.quote(str(word))
