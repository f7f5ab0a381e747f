"""vLLM: ``vllm serve``, with its sleep levels."""

from __future__ import annotations

from typing import Final

from weighbridge.engines.adapter import (
    Admin,
    Command,
    Plain,
    Wanted,
    context_unless_given,
    share_text,
    unless_given,
)

_DEFAULT_SHARE: Final = 0.9
_WAKE_S: Final = 120.0


class Vllm(Plain):
    """Level 1 keeps the weights in the host's memory; level 2 forgets them and reads them again."""

    name = "vllm"
    starts_alone = True

    def command(self, wanted: Wanted, port: int) -> Command:
        """Its memory is a share of the card: always said, because it is what it then takes."""
        words = ["vllm", "serve", wanted.source, "--host", "127.0.0.1", "--port", str(port)]
        words += ["--served-model-name", wanted.served]
        words += context_unless_given(wanted, "--max-model-len")
        words += unless_given(wanted, "--max-num-seqs", wanted.slots)
        if wanted.on_gpu:
            share = share_text(wanted.memory_share or _DEFAULT_SHARE)
            words += unless_given(wanted, "--gpu-memory-utilization", share)
        env = dict(wanted.env)
        if wanted.sleep is not None:
            words += unless_given(wanted, "--enable-sleep-mode")
            # Its endpoints for sleeping are only there in this mode; they never leave loopback.
            env["VLLM_SERVER_DEV_MODE"] = "1"
        return Command((*words, *wanted.args), env)

    def can_sleep(self, wanted: Wanted) -> bool:
        """Where the configuration names a level."""
        return wanted.sleep is not None

    async def sleep(self, admin: Admin, wanted: Wanted) -> None:
        """Only once nothing runs: sleeping under requests corrupts memory."""
        await admin.post(f"/sleep?level={wanted.sleep or 1}", limit_s=_WAKE_S)

    async def wake(self, admin: Admin, wanted: Wanted) -> None:
        """After level 2 room for weights, the weights, then the cache: else it talks nonsense."""
        if wanted.sleep != 2:
            await admin.post("/wake_up", limit_s=_WAKE_S)
            return
        await admin.post("/wake_up?tags=weights", limit_s=_WAKE_S)
        await admin.post("/collective_rpc", {"method": "reload_weights"}, limit_s=_WAKE_S)
        await admin.post("/wake_up?tags=kv_cache", limit_s=_WAKE_S)
        await admin.post("/reset_prefix_cache", limit_s=_WAKE_S)
