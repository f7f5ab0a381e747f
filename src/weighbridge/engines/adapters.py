"""Every engine that can be started, by its name in the configuration."""

from __future__ import annotations

from typing import Final

from weighbridge.engines.adapter import Adapter
from weighbridge.engines.any_command import AnyCommand
from weighbridge.engines.llamacpp_embedded import Embedded
from weighbridge.engines.llamacpp_server import LlamaServer
from weighbridge.engines.ollama import Ollama
from weighbridge.engines.sglang import Sglang
from weighbridge.engines.trtllm import TensorRtLlm
from weighbridge.engines.vllm import Vllm

ADAPTERS: Final[dict[str, Adapter]] = {
    adapter.name: adapter
    for adapter in (
        Embedded(),
        LlamaServer(),
        Vllm(),
        Sglang(),
        TensorRtLlm(),
        Ollama(),
        AnyCommand(),
    )
}
