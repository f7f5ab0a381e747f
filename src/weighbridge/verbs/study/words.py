"""What `weigh cost` says of its options, said of the keys of a study's file."""

from __future__ import annotations

import re
from typing import Final

_KEYS: Final = {
    "volume": "workload.volume",
    "prompt": "workload.prompt_tokens",
    "output": "workload.output_tokens",
    "cached": "workload.cached_share",
    "batch": "workload.batch_share",
    "profile": "workload.profile",
    "model": "inspect",
    "device": "device",
    "tokens-per-s": "tokens_per_s",
    "slo": "slo",
    "api": "prices.api",
    "same-model-api": "prices.same_model_api",
    "max-gpus": "prices.max_gpus",
    "min-replicas": "prices.min_replicas",
    "spare-replicas": "prices.spare_replicas",
    "on": "prices.hardware.on_fraction",
    "count": "device",
    "workers": "bench.workers",
    "from-run": "a load test of the study",
    **{
        name.replace("_", "-"): f"prices.hardware.{name}"
        for name in (
            "gpu_price", "spot", "owned", "host", "years", "residual", "maintenance", "watts",
            "idle_watts", "pue", "kwh", "colocation",
        )
    },
    **{
        name.replace("_", "-"): f"prices.people.{name}"
        for name in ("fte", "fte_cost", "on_call", "ops", "fixed")
    },
}  # fmt: skip
_NO_KEY: Final = frozenset({"a load test of the study"})
_OPTION: Final = re.compile(r"--([a-z][a-z-]*[a-z])")


def in_study_words(text: str) -> str:
    """A sentence with the file's keys in place of options; others stay `weigh cost`'s.

    >>> in_study_words("Give --gpu-price USD an hour.")
    'Give `prices.hardware.gpu_price` USD an hour.'
    """
    # Within code the option is part of a command, which stays one.
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _OPTION.sub(_key, part) for part in parts)


def _key(found: re.Match[str]) -> str:
    key = _KEYS.get(found[1])
    if key is None:
        return f"`weigh cost … {found[0]}`"
    return key if key in _NO_KEY else f"`{key}`"
