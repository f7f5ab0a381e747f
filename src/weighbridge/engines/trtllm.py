"""TensorRT-LLM: ``trtllm-serve``."""

from __future__ import annotations

from typing import Final

from weighbridge.engines.adapter import (
    Command,
    Plain,
    Wanted,
    context_unless_given,
    share_text,
    unless_given,
)

_DEFAULT_SHARE: Final = 0.9


class TensorRtLlm(Plain):
    """It names the model after its folder."""

    name = "trtllm"
    starts_alone = True
    names_itself = True

    def command(self, wanted: Wanted, port: int) -> Command:
        """Its share is of what is free once the weights are there."""
        words = ["trtllm-serve", wanted.source, "--host", "127.0.0.1", "--port", str(port)]
        words += context_unless_given(wanted, "--max_seq_len")
        words += unless_given(wanted, "--max_batch_size", wanted.slots)
        if wanted.on_gpu:
            share = share_text(wanted.memory_share or _DEFAULT_SHARE)
            words += unless_given(wanted, "--kv_cache_free_gpu_memory_fraction", share)
        return Command((*words, *wanted.args), wanted.env)
