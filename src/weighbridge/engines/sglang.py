"""SGLang: ``python -m sglang.launch_server``."""

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

# Its share counts weights and cache only; graphs and activations come on top of it.
_STATIC_PART: Final = 0.88


class Sglang(Plain):
    """Memory is a share of the card, as with vLLM."""

    name = "sglang"
    starts_alone = True

    def command(self, wanted: Wanted, port: int) -> Command:
        """The share is only said where the configuration limits it: its own default is measured."""
        words = ["python", "-m", "sglang.launch_server", "--model-path", wanted.source]
        words += ["--host", "127.0.0.1", "--port", str(port)]
        words += ["--served-model-name", wanted.served]
        words += context_unless_given(wanted, "--context-length")
        words += unless_given(wanted, "--max-running-requests", wanted.slots)
        if wanted.on_gpu and wanted.memory_share is not None:
            share = share_text(wanted.memory_share * _STATIC_PART)
            words += unless_given(wanted, "--mem-fraction-static", share)
        return Command((*words, *wanted.args), wanted.env)
