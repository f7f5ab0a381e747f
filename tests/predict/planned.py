"""Models, machines and requirements for tests of the search."""

from __future__ import annotations

from functools import lru_cache

from weighbridge.core.estimate import Engine, EngineName
from weighbridge.core.machine import Machine
from weighbridge.core.plan import Requirements
from weighbridge.core.workload import Workload, parse_slo
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.devices import parse_machine
from weighbridge.facts.quantizations.table import from_config
from weighbridge.predict.search.models import ModelFacts

FEW = (
    "Qwen/Qwen3-0.6B",
    "Qwen/Qwen3-8B",
    "Qwen/Qwen3-32B",
    "Qwen/Qwen3-30B-A3B-Instruct-2507",
    "google/gemma-3-12b-it",
    "openai/gpt-oss-20b",
    "deepseek-ai/DeepSeek-R1",
)


@lru_cache
def facts(name: str) -> ModelFacts:
    """A model of our catalogue; the same object each time, as in one search."""
    row = load().find(name)
    built = row.architecture()
    native = from_config(row.config or {}, built).quantization
    assert native is not None
    return ModelFacts(
        name=row.id,
        source=row.id,
        architecture=built,
        native=native,
        terms=row.terms,
        modality=row.modality,
        family=row.family,
        released=row.released,
        context=row.context,
    )


@lru_cache
def machine(text: str) -> Machine:
    return parse_machine(text)


def asked(
    *,
    users: int = 8,
    context: int = 16384,
    prompt: int = 1024,
    output: int = 256,
    slo: str = "",
    rate: float | None = None,
    engines: tuple[EngineName, ...] = (),
    formats: tuple[str, ...] = (),
    kv: float | None = None,
) -> Requirements:
    return Requirements(
        Workload(prompt, output, users, rate, context),
        parse_slo(slo),
        tuple(Engine(name) for name in engines),
        formats,
        kv,
    )
