"""The gateways that are laid side by side: how each is installed, configured and started."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from peer_env import Package, PeerEnvironment
from tools import free_port

# What `make compiled` makes.
_COMPILED = Path(__file__).parents[2] / ".venv-compiled/bin/python"
KEY = "sk-rig-0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Place:
    """What a gateway is told: its port, its backend's, and a folder for its files."""

    port: int
    backend: int
    folder: Path
    python: Path


@dataclass(frozen=True)
class Contender:
    """A gateway.

    Attributes:
        name: in tables.
        command: its command line; writes what files it needs.
        package: what pip has to install for it; None where nothing.
        program: what has to be on the path for it, if anything.
        model: what clients ask it for.
        environment: variables.
        paced: how many paced streams it is given, the most that it is known to keep up with.
    """

    name: str
    command: Callable[[Place], list[str]]
    package: Package | None = None
    program: str | None = None
    model: str = "bench"
    environment: dict[str, str] = field(default_factory=dict)
    paced: int = 1024


_NGINX = """
daemon off; worker_processes 1; worker_rlimit_nofile 65536; pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off; client_body_buffer_size 64k; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream engine {{
    server 127.0.0.1:{backend}; keepalive 2048; keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


def _nginx(place: Place) -> list[str]:
    path = place.folder / "nginx.conf"
    path.write_text(_NGINX.format(folder=place.folder, port=place.port, backend=place.backend))
    return ["nginx", "-p", str(place.folder), "-c", str(path)]


def _sglang_router(place: Place) -> list[str]:
    command = [str(place.python), "-m", "sglang_router.launch_router"]
    return [*command, *_workers(place)]


def _vllm_router(place: Place) -> list[str]:
    return [str(place.python.parent / "vllm-router"), *_workers(place)]


def _workers(place: Place) -> list[str]:
    metrics = str(free_port())
    return [
        *("--worker-urls", f"http://127.0.0.1:{place.backend}", "--policy", "round_robin"),
        *("--host", "127.0.0.1", "--port", str(place.port), "--log-level", "error"),
        *("--prometheus-host", "127.0.0.1", "--prometheus-port", metrics),
    ]


_LITELLM = """
model_list:
  - model_name: bench
    litellm_params:
      {{model: openai/bench, api_base: "http://127.0.0.1:{backend}/v1", api_key: none}}
litellm_settings: {{telemetry: false}}
"""


def _litellm(place: Place) -> list[str]:
    path = place.folder / "litellm.yaml"
    path.write_text(_LITELLM.format(backend=place.backend))
    command = [str(place.python.parent / "litellm"), "--config", str(path)]
    return [*command, "--host", "127.0.0.1", "--port", str(place.port), "--num_workers", "1"]


# Keys are checked, the route is taken by the task that the words tell, everything is counted.
_WEIGHBRIDGE = """
listen: 127.0.0.1:{port}
keys:
  - {{name: rig, env: RIG_KEY, tier: gold}}
  - {{name: other, hash: "sha256:{digest}"}}
models:
  bench: {{url: "http://127.0.0.1:{backend}/v1"}}
  spare: {{url: "http://127.0.0.1:{backend}/v1", model: bench}}
signals:
  task:
    arithmetic: {{keywords: [plus, minus, "+", "-", sum, calculate]}}
    code: {{keywords: [python, function, bug, compile, javascript]}}
    history: {{keywords: [built, century, town, when, who]}}
routes:
  - {{when: {{task: arithmetic}}, use: [spare, bench]}}
  - {{when: {{task: code, min_prompt_tokens: 2000}}, use: [spare]}}
  - {{when: {{tools: true}}, use: [spare]}}
  - {{when: {{task: history}}, use: [bench, spare]}}
  - {{use: [bench]}}
"""


def _weighbridge(place: Place) -> list[str]:
    path = place.folder / "router.config.yaml"
    path.write_text(_WEIGHBRIDGE.format(port=place.port, backend=place.backend, digest="0" * 64))
    return [sys.executable, "-m", "weighbridge.cli", "serve", str(path)]


def _weighbridge_compiled(place: Place) -> list[str]:
    return [str(_COMPILED), *_weighbridge(place)[1:]]


def _pip(name: str, distribution: str, check: str, steps: tuple[str, ...]) -> Package:
    return Package(name, (steps,), distribution, check)


CONTENDERS = (
    Contender("nginx", _nginx, program="nginx"),
    Contender(
        "sglang-router",
        _sglang_router,
        _pip("sglang-router", "sglang-router", "sglang_router", ("sglang-router==0.3.2",)),
    ),
    Contender(
        "vllm-router",
        _vllm_router,
        _pip("vllm-router", "vllm-router", "vllm_router", ("vllm-router==0.1.17",)),
    ),
    Contender(
        "LiteLLM",
        _litellm,
        _pip("litellm", "litellm", "litellm", ("litellm[proxy]==1.106.2",)),
        environment={
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        },
        paced=64,
    ),
    Contender("weighbridge", _weighbridge, model="auto", environment={"RIG_KEY": KEY}),
    Contender(
        "compiled",
        _weighbridge_compiled,
        program=str(_COMPILED),
        model="auto",
        environment={"RIG_KEY": KEY},
    ),
)


@dataclass(frozen=True)
class Ready:
    """A contender that is installed."""

    contender: Contender
    python: Path
    version: str


def find(contender: Contender, peers: Path, *, install: bool) -> Ready | str:
    """The contender where it is installed, else why it is left out."""
    if contender.program is not None:
        return _program(contender, contender.program)
    if contender.package is None:
        import weighbridge  # noqa: PLC0415 -- peers do without it

        return Ready(contender, Path(sys.executable), weighbridge.__version__)
    environment = PeerEnvironment(peers, contender.package)
    if install:
        trouble = environment.install()
        if trouble:
            return f"it does not install ({trouble})"
    if not environment.python.exists():
        return "it is not installed; --install installs it"
    return Ready(contender, environment.python, environment.version())


def _own(contender: Contender, python: str | None) -> Ready | str:
    """Weighbridge, compiled."""
    if python is None:
        return "`make compiled` has not been run"
    ask = "import weighbridge; print(weighbridge.__version__)"
    # Isolated, or the working directory would go before what is installed.
    said = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, check=True)
    return Ready(contender, Path(python), f"{said.stdout.strip()} compiled")


def _program(contender: Contender, program: str) -> Ready | str:
    path = shutil.which(program)
    if program == str(_COMPILED):
        return _own(contender, path)
    if path is None:
        return f"there is no {program} on the path; Debian has it in {program}-light"
    said = subprocess.run([path, "-v"], capture_output=True, text=True, check=False).stderr
    return Ready(contender, Path(path), said.strip().rpartition("/")[2] or "unknown")
