"""llama.cpp's own server as installed on this machine: ``llama-server``."""

from __future__ import annotations

from weighbridge.engines.adapter import Command, Plain, Wanted, unless_given


class LlamaServer(Plain):
    """One model per process."""

    name = "llamacpp"

    def command(self, wanted: Wanted, port: int) -> Command:
        """The context is of all slots together; without one, the model's own is."""
        words = ["llama-server", "--model", wanted.source, "--alias", wanted.served]
        words += ["--host", "127.0.0.1", "--port", str(port)]
        if wanted.context is not None and "-c" not in wanted.args:
            words += unless_given(wanted, "--ctx-size", wanted.context * wanted.slots)
        if "-np" not in wanted.args:
            words += unless_given(wanted, "--parallel", wanted.slots)
        return Command((*words, *wanted.args), wanted.env)
