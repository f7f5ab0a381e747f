"""``weigh inspect``: what a model file holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from weighbridge.cli.options import json_option, print_json
from weighbridge.cli.tables import stdout_console
from weighbridge.core.architecture import (
    Attention,
    Component,
    Mlp,
    ModelArchitecture,
    WeightFile,
)
from weighbridge.core.errors import InputError
from weighbridge.core.units import format_bytes, format_count
from weighbridge.verbs.inspect import KV_DTYPES, inspect_file, layer_text, to_json

Inspected = tuple[ModelArchitecture, WeightFile]

_TOKENS = re.compile(r"([1-9]\d{0,8})\s*([kKmM]?)")
_TOKEN_UNITS = {"": 1, "k": 1024, "m": 1024**2}


@click.command(
    epilog="Example: weigh inspect qwen3-8b-q4_k_m.gguf llama-3.1-8b-q4_k_m.gguf --context 8k,128k"
)
@click.argument("files", nargs=-1, required=True, metavar="FILE.gguf...", type=click.Path())
@json_option
@click.option(
    "--kv-dtype",
    type=click.Choice(sorted(KV_DTYPES)),
    default="f16",
    show_default=True,
    help="Number format of the KV cache.",
)
@click.option(
    "--context",
    default="8k,32k,128k",
    show_default=True,
    help="Tokens at which to show the KV cache; k is 1024.",
)
def command(files: tuple[str, ...], *, as_json: bool, kv_dtype: str, context: str) -> None:
    """Say what a model is made of: parameters by component, layers, KV cache, weights.

    Reads the header of GGUF files, never the weights. Several files are shown side by side,
    and as a list in JSON.
    """
    contexts = parse_contexts(context)
    bytes_per_value = KV_DTYPES[kv_dtype]
    inspected = [inspect_file(Path(file)) for file in files]
    if as_json:
        records = [
            to_json(*pair, contexts=contexts, kv_bytes_per_value=bytes_per_value, source=str(file))
            for file, pair in zip(files, inspected, strict=True)
        ]
        print_json(records if len(records) > 1 else records[0])
    else:
        _show([Path(file).name for file in files], inspected, contexts, kv_dtype)


def parse_contexts(text: str) -> tuple[int, ...]:
    """Numbers of tokens as people write them.

    >>> parse_contexts("512,8k")
    (512, 8192)

    Raises:
        InputError: something in the list is no number of tokens.
    """
    matches = [_TOKENS.fullmatch(part.strip()) for part in text.split(",")]
    found = [int(match[1]) * _TOKEN_UNITS[match[2].lower()] for match in matches if match]
    if len(found) < len(matches):
        raise InputError(
            f"--context {text!r} is not a list of token counts.", fix="Write for example 8k,32k."
        )
    return tuple(dict.fromkeys(found))


def _show(
    files: Sequence[str], inspected: Sequence[Inspected], contexts: Sequence[int], kv_dtype: str
) -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415 -- no markup: names come from files

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", style="dim", no_wrap=True)
    columns = []
    components = _components(inspected)
    for file, (architecture, weights) in zip(files, inspected, strict=True):
        table.add_column(Text(architecture.name), overflow="fold")
        columns.append(
            {
                "file": file,
                **_model_cells(architecture, components),
                **_memory_cells(architecture, weights, contexts, kv_dtype),
            }
        )
    for label in columns[0]:
        table.add_row(label, *(Text(column[label]) for column in columns))
    console = stdout_console()
    console.print(table)
    for architecture, _ in inspected:
        for sentence in architecture.assumptions:
            console.print(Text(f"{architecture.name}: {sentence}"), style="dim")


def _components(inspected: Sequence[Inspected]) -> list[Component]:
    """The components that any of the models has, the largest first."""
    totals: Counter[Component] = Counter()
    for architecture, _ in inspected:
        totals.update(dict(architecture.by_component))
    return [component for component, count in totals.most_common() if count]


def _model_cells(
    architecture: ModelArchitecture, components: Sequence[Component]
) -> dict[str, str]:
    tied = "tied to the embedding" if architecture.tied_embeddings else "own weights"
    context = f"{architecture.context} tokens" if architecture.context else "not stated"
    return {
        "family": architecture.model_type,
        "license": architecture.license or "not stated",
        "parameters": format_count(architecture.parameters),
        "active per token": format_count(architecture.active),
        **_component_cells(architecture, components),
        "layers": _layers_cell(architecture),
        "hidden": str(architecture.hidden),
        "vocabulary": str(architecture.vocabulary or "not stated"),
        "output head": tied,
        "trained context": context,
    }


def _component_cells(
    architecture: ModelArchitecture, components: Sequence[Component]
) -> dict[str, str]:
    counts = dict(architecture.by_component)
    total = architecture.parameters or 1
    return {
        f"  {component.replace('_', ' ')}": (
            f"{format_count(counts[component])} ({100 * counts[component] / total:.1f} %)"
            if counts.get(component)
            else "–"
        )
        for component in components
    }


def _layers_cell(architecture: ModelArchitecture) -> str:
    """Kinds of layers with their number, in order of appearance: interleaving is not shown."""
    kinds: Counter[tuple[Attention | None, Mlp]] = Counter()
    for run in architecture.layers:
        kinds[run.mixer, run.mlp] += run.count
    lines = [f"{count} × {layer_text(mixer, mlp)}" for (mixer, mlp), count in kinds.items()]
    return "\n".join([str(architecture.depth), *lines]) if len(lines) > 1 else lines[0]


def _memory_cells(
    architecture: ModelArchitecture,
    weights: WeightFile,
    contexts: Sequence[int],
    kv_dtype: str,
) -> dict[str, str]:
    size = KV_DTYPES[kv_dtype]
    cache = {f"KV cache ({kv_dtype}) per token": architecture.kv_bytes_per_token(size)}
    for tokens in contexts:
        cache[f"  at {_tokens(tokens)}"] = architecture.kv_bytes(tokens, size)
    return {
        "quantization": weights.quantization,
        "weights": format_bytes(weights.weight_bytes),
        **{
            label: "not modelled" if count is None else format_bytes(count)
            for label, count in cache.items()
        },
    }


def _tokens(count: int) -> str:
    return f"{count // 1024}k tokens" if count % 1024 == 0 else f"{count} tokens"
