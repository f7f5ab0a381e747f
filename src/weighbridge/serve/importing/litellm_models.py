"""One deployment of LiteLLM's ``model_list``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from weighbridge.core.routing import ModelEntry, Price
from weighbridge.serve.importing.reading import Notes, mapping, number, text

_VARIABLE = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
_PER_MILLION = 1_000_000

# Providers that speak OpenAI's protocol: where they answer, and the variable of their key.
_HOSTED = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "xai": ("https://api.x.ai/v1", "XAI_API_KEY"),
}
_SELF_HOSTED = (
    "hosted_vllm", "vllm", "custom_openai", "openai_like", "text-completion-openai", "lm_studio",
    "llamafile", "litellm_proxy", "xinference",
)  # fmt: skip
_OLLAMA = ("ollama", "ollama_chat")
_OLLAMA_URL = "http://127.0.0.1:11434"

_TAKEN = ("model", "api_base", "base_url", "api_key", "rpm", "tpm", "max_parallel_requests")
_COSTS = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")
_TAKEN_OF_INFO = (*_COSTS, "max_input_tokens", "mode", "id", "base_model")
_NO_KEY = ("none", "null", "empty", "na", "n/a", "dummy", "sk-no-key-required", "not-needed")


@dataclass(frozen=True, slots=True)
class Deployment:
    """A server for a name that clients use."""

    name: str
    entry: ModelEntry


def variable(value: str) -> str | None:
    """``NAME`` of ``os.environ/NAME``; None for anything else."""
    match = _VARIABLE.fullmatch(value)
    return match[1] if match else None


def read_deployment(written: Any, at: str, notes: Notes) -> Deployment | None:  # noqa: ANN401
    """The deployment at ``at``, or None with a note why it is not taken over."""
    table = mapping(written, at, notes)
    params = mapping(table.get("litellm_params"), f"{at}.litellm_params", notes)
    info = mapping(table.get("model_info"), f"{at}.model_info", notes)
    name, model = text(table.get("model_name")), text(params.get("model"))
    if name is None or model is None:
        notes.add(f"`{at}` has no `model_name` or no `litellm_params.model`: not taken over.")
        return None
    if "*" in name or "*" in model:
        notes.add(f"`{at}` ({name}) stands for many models and is not taken over: name each.")
        return None
    server = _server(model, params, at, name, notes)
    if server is None:
        return None
    url, served, key_env = server
    notes.left_out(f"{at}.litellm_params.", params, (*_TAKEN, *_COSTS))
    notes.left_out(f"{at}.model_info.", info, _TAKEN_OF_INFO)
    notes.left_out(f"{at}.", table, ("model_name", "litellm_params", "model_info"))
    _tell_of_rates(name, params, notes)
    entry = ModelEntry(
        url=url,
        model=None if served == name else served,
        key_env=key_env,
        max_concurrency=_whole(params, "max_parallel_requests", at, notes),
        price=_price(params | info, at, notes),
        can=_can(info),
        context=_whole(info, "max_input_tokens", at, notes),
    )
    return Deployment(name, entry)


def _server(
    model: str, params: dict[str, Any], at: str, name: str, notes: Notes
) -> tuple[str, str, str | None] | None:
    """Address, name there and variable of the key."""
    provider, slash, rest = model.partition("/")
    base = text(params.get("api_base")) or text(params.get("base_url"))
    usual: tuple[str | None, str | None] = (None, None)
    if slash and provider in _HOSTED:
        served, usual = rest, _HOSTED[provider]
    elif slash and provider in _OLLAMA:
        served, usual = rest, (_OLLAMA_URL, None)
    elif slash and provider in _SELF_HOSTED:
        served = rest
    elif not slash and base is None:
        served, usual = model, _HOSTED["openai"]
        notes.add(f"{name!r} names no provider; it is taken for one of OpenAI.")
    elif not slash:
        served = model
    else:
        notes.add(
            f"{name!r} is not taken over: {provider} has a protocol of its own, or is not known to "
            "speak OpenAI's."
        )
        return None
    url = _address(base or usual[0], at, notes)
    if url is None:
        notes.add(f"{name!r} is not taken over: `{at}.litellm_params.api_base` is missing.")
        return None
    key = text(params.get("api_key"))
    return url, served, usual[1] if key is None and base is None else _key(key, at, notes)


def _address(base: str | None, at: str, notes: Notes) -> str | None:
    if base is None:
        return None
    name = variable(base)
    if name is not None:
        return f"${{env.{name}}}"
    url = base.rstrip("/")
    if not url.endswith("/v1"):
        url = f"{url}/v1"
        notes.add(f"`{at}.litellm_params.api_base` is asked at {url}, as OpenAI's protocol has it.")
    return url


def _key(key: str | None, at: str, notes: Notes) -> str | None:
    if key is None or key.casefold() in _NO_KEY:
        return None
    name = variable(key)
    if name is None:
        notes.add(
            f"`{at}.litellm_params.api_key` is a key, not a variable, so it is not taken over; put "
            "it into the environment and name the variable in `key_env`."
        )
    return name


def _tell_of_rates(name: str, params: dict[str, Any], notes: Notes) -> None:
    said = [f"{key} {params[key]}" for key in ("rpm", "tpm") if params.get(key)]
    if said:
        notes.add(
            f"{name!r}: {' and '.join(said)} are not taken over: rates belong to keys here "
            "(`keys[...].rate`), and models have `max_concurrency`."
        )


def _whole(table: dict[str, Any], key: str, at: str, notes: Notes) -> int | None:
    found = number(table.get(key), f"{at}.{key}", notes)
    return int(found) if found is not None and found >= 1 else None


def _price(table: dict[str, Any], at: str, notes: Notes) -> Price | None:
    costs = [number(table.get(key), f"{at}.{key}", notes) for key in _COSTS]
    if costs[0] is None and costs[1] is None:
        return None
    prompt, output, cached = (
        None if cost is None else round(cost * _PER_MILLION, 9) for cost in costs
    )
    return Price(prompt=prompt or 0.0, output=output or 0.0, cached=cached)


def _can(info: dict[str, Any]) -> tuple[str, ...]:
    mode = text(info.get("mode"))
    return {"embedding": ("embeddings",), "rerank": ("rerank",)}.get(mode or "", ())
