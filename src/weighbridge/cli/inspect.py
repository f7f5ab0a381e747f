"""``weigh inspect``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import say
from weighbridge.cli.options import json_option, open_workspace, print_json, workspace_option
from weighbridge.core.errors import InputError
from weighbridge.core.units import (
    GIB,
    format_bytes,
    format_count,
    format_figure,
    parse_tokens,
)

if TYPE_CHECKING:
    from weighbridge.core.architecture import Component, ModelArchitecture
    from weighbridge.core.inspection import Inspection
    from weighbridge.facts.licenses.questions import Answer

_MOST_ON_A_PAGE = 4
_STAR = "*"  # marks lengths beyond its context
_NOT_ENGINES = (
    "Users: counted by weights and cache alone; `weigh plan MODEL --device …` counts engines too."
)
_SHOWN = ("fp8", "AWQ int4 g128", "Q8_0", "Q4_K_M")
_KV_DTYPES = ("bf16", "f16", "f32", "fp8", "q8_0")


@click.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL…")
@json_option
@click.option(
    "--kv-dtype",
    type=click.Choice(_KV_DTYPES),
    default="bf16",
    show_default=True,
    help="Number format of the KV cache; states (SSM, convolutions) keep their own.",
)
@click.option(
    "--context",
    default="8k,32k,128k",
    show_default=True,
    help="Tokens at which to show the KV cache; k = 1024.",
)
@click.option("--revision", help="Branch, tag or commit of a Hub id.")
@click.option(
    "--license-for",
    metavar="INTENT,…",
    help="May I? For example commercial,eu,maas,finetune,redistribute,users=1M.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the interactive diagram as one self-contained page.",
)
@click.option("--keep", is_flag=True, help="Keep the result in the workspace, for `weigh ui`.")
@workspace_option
def command(
    *,
    models: tuple[str, ...],
    as_json: bool,
    kv_dtype: str,
    context: str,
    revision: str | None,
    license_for: str | None,
    html: Path | None,
    keep: bool,
    workspace: Path,
) -> None:
    """Say what a model is made of, before it runs or is downloaded.

    MODEL is a Hub id (org/name, org/name@revision, org/name:file.gguf), a folder, a config.json, a
    .gguf or .safetensors file, a URL of one, or ollama:NAME. Reads headers and configuration, never
    weights. Several models are set side by side, with what follows from their differences.

    \b
    Example:
      weigh inspect Qwen/Qwen3-8B meta-llama/Llama-3.1-8B --context 8k,128k
      weigh inspect Qwen/Qwen3-8B --license-for commercial,eu --html qwen3.html
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.facts.licenses.intents import parse_intents  # noqa: PLC0415
    from weighbridge.facts.licenses.questions import (  # noqa: PLC0415
        to_json as permission_json,
    )
    from weighbridge.verbs import inspect  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415

    contexts = parse_contexts(context)
    size = inspect.KV_DTYPES[kv_dtype]
    intents = parse_intents(license_for) if license_for else None
    clock = SystemClock()
    inspected = [inspect.inspect(model, clock, revision=revision) for model in models]
    if keep:
        store = open_workspace(workspace)
        for one in inspected:
            inspect.keep(store, one)
    asked = [] if intents is None else [inspect.permitted(one, intents) for one in inspected]
    if html is not None:
        _write_page(inspected, html, kv_dtype, size, asked)
    if as_json:
        records = []
        for place, one in enumerate(inspected):
            record = inspect.to_json(one, contexts=contexts, kv_dtype=kv_dtype)
            if asked:
                record["license_for"] = permission_json(asked[place])
            records.append(record)
        print_json(records if len(records) > 1 else records[0])
        return
    _show(inspected, contexts, kv_dtype, size)
    for one, permission in zip(inspected, asked, strict=False):
        _say_permission(one, permission)


def parse_contexts(text: str) -> tuple[int, ...]:
    """Numbers of tokens as people write them.

    >>> parse_contexts("512,8k")
    (512, 8192)

    Raises:
        InputError: something in the list is no number of tokens.
    """
    try:
        found = [parse_tokens(part) for part in text.split(",")]
    except InputError:
        raise InputError(
            f"--context {text!r} is not a list of token counts.", fix="Write for example 8k,32k."
        ) from None
    return tuple(dict.fromkeys(found))


def _show(
    inspected: Sequence[Inspection], contexts: Sequence[int], kv_dtype: str, size: float
) -> None:
    from rich.table import Table  # noqa: PLC0415 -- only for people
    from rich.text import Text  # noqa: PLC0415 -- no markup: names come from files

    from weighbridge.cli.tables import stdout_console  # noqa: PLC0415
    from weighbridge.predict.consequences import differences  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", style="dim", no_wrap=True)
    components = _components(inspected)
    columns = []
    for one in inspected:
        table.add_column(Text(one.architecture.name), overflow="fold")
        columns.append(
            {
                **_model_cells(one, components),
                **_memory_cells(one, contexts, kv_dtype, size),
                **_consequence_cells(one, size),
            }
        )
    # A row that only some models have (a state, say) stands where they have it.
    labels = max((list(column) for column in columns), key=len)
    for label in labels:
        table.add_row(label, *(Text(column.get(label, "–")) for column in columns))
    console = stdout_console()
    console.print(table)
    told = (
        *_windows_note(inspected, contexts),
        *_users_note(inspected, size),
        *_beyond_notes(inspected, contexts),
    )
    for sentence in told:
        console.print(Text(sentence), style="dim")
    for one in inspected:
        for sentence in one.notes:
            console.print(Text(f"{one.architecture.name}: {sentence}"), style="dim")
    for other in inspected[1:]:
        for sentence in differences(inspected[0], other, size):
            console.print(Text(f"· {sentence}"))


def _beyond_notes(inspected: Sequence[Inspection], contexts: Sequence[int]) -> list[str]:
    """What the stars of the table mean, for each model that has any."""
    from weighbridge.core.wording import beyond_context, trained_text  # noqa: PLC0415
    from weighbridge.predict.consequences import REFERENCE_CONTEXT  # noqa: PLC0415

    longest = max((*contexts, REFERENCE_CONTEXT))
    return [
        f"{_STAR} {one.architecture.name}: {trained_text(one.architecture)}; beyond, only the "
        "memory is known."
        for one in inspected
        if beyond_context(one.architecture, longest)
    ]


def _starred(one: Inspection, tokens: int, text: str) -> str:
    from weighbridge.core.wording import beyond_context  # noqa: PLC0415

    return f"{text} {_STAR}" if beyond_context(one.architecture, tokens) else text


def _write_page(
    inspected: Sequence[Inspection],
    path: Path,
    kv_dtype: str,
    size: float,
    asked: Sequence[Answer],
) -> None:
    from weighbridge.report.inspect_page import inspect_page  # noqa: PLC0415
    from weighbridge.verbs.effects import writing  # noqa: PLC0415

    if len(inspected) > _MOST_ON_A_PAGE:
        raise InputError(f"A page shows at most {_MOST_ON_A_PAGE} models.", fix="Name fewer.")
    page = inspect_page(
        inspected, standalone=True, permissions=asked, kv_dtype=kv_dtype, kv_bytes_per_value=size
    )
    with writing(path) as draft:
        draft.write_text(page, encoding="utf-8")
    say(f"Wrote {path}.")


def _say_permission(one: Inspection, permission: Answer) -> None:
    click.echo(f"{one.architecture.name}, {permission.license.name}: {permission.verdict}")
    for reason in permission.reasons:
        click.echo(f"  {reason.intent}: {reason.verdict} – {reason.words}")
    click.echo("  This is not legal advice.")


def _components(inspected: Sequence[Inspection]) -> list[Component]:
    """The components that any of the models has, the largest first."""
    totals: Counter[Component] = Counter()
    for one in inspected:
        totals.update(one.architecture.by_component)
    return [component for component, count in totals.most_common() if count]


def _model_cells(one: Inspection, components: Sequence[Component]) -> dict[str, str]:
    architecture = one.architecture
    counts, total = architecture.by_component, architecture.parameters or 1
    shares = {
        f"  {component.replace('_', ' ')}": (
            f"{format_count(counts[component])} ({100 * counts[component] / total:.1f} %)"
            if counts[component]
            else "–"
        )
        for component in components
    }
    ends = counts["embedding"] + counts["per_layer_embedding"] + counts["lm_head"]
    return {
        "model": one.name,
        "family": architecture.model_type,
        "license": _license(one),
        "parameters": _counted(architecture, architecture.parameters),
        "active per token": _counted(architecture, architecture.active),
        "  without embedding, head": _counted(architecture, architecture.active - ends),
        **shares,
        "layers": _layers(architecture),
        "hidden": f"{architecture.hidden:,}",
        "vocabulary": f"{architecture.vocabulary:,}" if architecture.vocabulary else "not stated",
        "output head": "tied to the embedding" if architecture.tied_embeddings else "own weights",
        "context": _context(architecture),
    }


def _counted(architecture: ModelArchitecture, count: int) -> str:
    if not architecture.incomplete:
        return format_count(count)
    return f"at least {format_count(count)} ({', '.join(architecture.incomplete)} not modelled)"


def _license(one: Inspection) -> str:
    from weighbridge.facts.licenses.summary import summarise  # noqa: PLC0415
    from weighbridge.verbs.inspect import terms  # noqa: PLC0415

    if one.license is None:
        return "not stated"
    return f"{one.license}: {summarise(terms(one))}"


def _layers(architecture: ModelArchitecture) -> str:
    from weighbridge.core.wording import is_folded, stack_lines  # noqa: PLC0415

    lines = stack_lines(architecture)
    if is_folded(architecture):
        return "\n".join([f"{lines[0]} (--json lists all)", *lines[1:]])
    return "\n".join([str(architecture.depth), *lines]) if len(lines) > 1 else lines[0]


def _context(architecture: ModelArchitecture) -> str:
    native, extended = architecture.context, architecture.context_extended
    text = f"{native:,} tokens" if native else "not stated"
    return f"{text}, extended {extended:,}" if extended and extended != native else text


def _memory_cells(
    one: Inspection, contexts: Sequence[int], kv_dtype: str, size: float
) -> dict[str, str]:
    from weighbridge.core.wording import growth_text  # noqa: PLC0415

    architecture = one.architecture
    cells = {
        "quantization": one.quantization.name,
        "weights": "unknown" if one.weight_bytes is None else format_bytes(one.weight_bytes),
        "  in other formats": _other_formats(one) or "unknown",
        f"KV cache ({kv_dtype}) per token": growth_text(architecture, size),
    }
    for tokens in contexts:
        text = _cache(architecture, tokens, kv_dtype, size)
        cells[f"  at {_tokens(tokens)}"] = _starred(one, tokens, text)
    if architecture.state_bytes():
        cells["state per sequence"] = _state(architecture)
    return cells


def _cache(architecture: ModelArchitecture, tokens: int, kv_dtype: str, size: float) -> str:
    """Bytes of one sequence: the least, and where windows make a difference, what engines take."""
    from weighbridge.predict.engine_cache import ENGINES, allocated  # noqa: PLC0415

    least = architecture.kv_bytes(tokens, size)
    full = architecture.kv_full_length_bytes(tokens, size)
    if full == least:
        return _bytes(least)
    told = [f"{_bytes(least)} at least"]
    for engine, name in ENGINES.items():
        found = allocated(engine, architecture, tokens, kv_dtype, size)
        if found is not None:
            told.append(f"{name} {_bytes(found)}")
    if told[-1].startswith(ENGINES["vllm"]) and _mixes_windows(architecture):
        return "; ".join([*told[:-1], f"{told[-1]} ({_bytes(full)} before 0.10)"])
    return "; ".join([*told, f"{_bytes(full)} with windows at full length"])


def _mixes_windows(architecture: ModelArchitecture) -> bool:
    """Whether full layers stand beside windowed ones, which vLLM kept alike before 0.10."""
    return (architecture.kv_bytes_per_token() or 0) > 0


def _windows_note(inspected: Sequence[Inspection], contexts: Sequence[int]) -> list[str]:
    """The settings behind what engines take, where any is told."""
    from weighbridge.predict.engine_cache import SETTINGS  # noqa: PLC0415

    windowed = any(
        one.architecture.kv_bytes(tokens) != one.architecture.kv_full_length_bytes(tokens)
        for one in inspected
        for tokens in contexts
    )
    return [f"Caches by engine: {SETTINGS}."] if windowed else []


def _consequence_cells(one: Inspection, size: float) -> dict[str, str]:
    from weighbridge.predict import consequences as predict  # noqa: PLC0415

    follows = predict.consequences(one, size)
    memory = predict.REFERENCE_MEMORY_BYTES // GIB
    context = _tokens(predict.REFERENCE_CONTEXT)
    return {
        "decode ceiling": (
            f"{format_figure(follows.decode_per_gb_s)} tokens/s per GB/s"
            if follows.decode_per_gb_s
            else "unknown"
        ),
        "prefill": (
            "unknown"
            if follows.prefill_flops is None
            else f"{_operations(follows.prefill_flops)} per token"
        ),
        f"users at {context} in {memory} GiB": _starred(
            one, predict.REFERENCE_CONTEXT, _users(one, follows.users)
        ),
    }


def _users_note(inspected: Sequence[Inspection], size: float) -> list[str]:
    """What the number of users leaves out, where there is one."""
    from weighbridge.predict.consequences import consequences  # noqa: PLC0415

    told = any(consequences(one, size).users for one in inspected)
    return [_NOT_ENGINES] if told else []


def _users(one: Inspection, users: int | None) -> str:
    from weighbridge.predict.consequences import REFERENCE_MEMORY_BYTES  # noqa: PLC0415

    weights = one.weight_bytes
    if users is None or weights is None:
        return "unknown"
    if weights > REFERENCE_MEMORY_BYTES:
        return f"none: the weights alone need {format_bytes(weights)}"
    return f"at most {users:,}" if users else "none: there is no room beside the weights"


def _other_formats(one: Inspection) -> str:
    from weighbridge.verbs.inspect import in_other_formats  # noqa: PLC0415

    sizes = in_other_formats(one)
    return ", ".join(
        f"{name.removesuffix(' g128')} {format_bytes(sizes[name])}"
        for name in _SHOWN
        if name in sizes
    )


def _bytes(count: int | None) -> str:
    return "not modelled" if count is None else format_bytes(count)


def _state(architecture: ModelArchitecture) -> str:
    """Bytes of the states; they keep their number formats whatever the cache has."""
    from weighbridge.verbs.inspect import STATE_DTYPE  # noqa: PLC0415

    return f"{_bytes(architecture.state_bytes())} ({STATE_DTYPE})"


def _operations(count: int) -> str:
    unit, scale = ("GFLOP", 1e9) if count >= 1e8 else ("MFLOP", 1e6)
    return f"{format_figure(count / scale)} {unit}"


def _tokens(count: int) -> str:
    for unit, size in (("M", 1024**2), ("k", 1024)):
        if count % size == 0:
            return f"{count // size}{unit} tokens"
    return f"{count:,} tokens"
