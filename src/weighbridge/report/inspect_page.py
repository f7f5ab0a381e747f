"""``weigh inspect`` as a page: one model, or several beside each other."""

from __future__ import annotations

import ntpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import PurePosixPath, PureWindowsPath

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.inspection import Inspection
from weighbridge.core.provenance import Kind, Provenance
from weighbridge.core.units import format_count, format_tokens
from weighbridge.core.wording import beyond_context, growth_text, stack_text
from weighbridge.facts.licenses.clauses import NOT_LEGAL_ADVICE
from weighbridge.facts.licenses.questions import Answer
from weighbridge.facts.licenses.read import recognise
from weighbridge.facts.licenses.summary import summarise
from weighbridge.predict.consequences import at_a_glance, differences
from weighbridge.predict.engine_cache import ENGINES, SETTINGS, allocated
from weighbridge.report.diagram import MOST_MODELS, Diagram, Differences, diagram, parted
from weighbridge.report.kv_chart import kv_growth
from weighbridge.report.numbers import number, size
from weighbridge.report.page import render
from weighbridge.report.picks import Pick, more_address

CONTEXTS = (8192, 32768, 131072)
# Files of these names tell nothing of the model; their folder does.
_ALIKE = ("config.json", "model.safetensors", "model.safetensors.index.json")
STATES = "recurrent states in float32, inputs of convolutions in bf16, whatever the cache is in"


@dataclass(frozen=True, slots=True)
class Cell:
    """One model's figure in a line.

    Attributes:
        text: the figure.
        ratios: how many times each model's figure it is; empty where it is the same or not known.
        differs: whether it is another than each model's.
    """

    text: str
    ratios: tuple[str, ...] = ()
    differs: tuple[bool, ...] = ()

    @property
    def others(self) -> str:
        """Numbers of the models that it differs from, for the page's script."""
        return " ".join(str(place) for place, differs in enumerate(self.differs) if differs)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two of the models: what follows from their differences, and the differences themselves."""

    first: int
    second: int
    follows: tuple[str, ...]
    differences: Differences


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of every model.

    Attributes:
        label: what it is.
        cells: one per model.
        kind: where it comes from.
        note: how it was counted; may be empty.
    """

    label: str
    cells: tuple[Cell, ...]
    kind: Kind | None = None
    note: str = ""


def inspect_page(
    inspections: Sequence[Inspection],
    *,
    standalone: bool,
    permissions: Sequence[Answer] = (),
    kv_dtype: str = "bf16",
    kv_bytes_per_value: float = 2.0,
    picks: Sequence[Pick] = (),
) -> str:
    """The page of one to four models.

    Args:
        inspections: the models; any two can be compared.
        standalone: as one file that is complete in itself, or for the live server.
        permissions: what each model's licence says to the intents that were asked, if any were.
        kv_dtype: name of the number format of the caches.
        kv_bytes_per_value: bytes of one number in it.
        picks: how the live server names these models, for links; may be empty.
    """
    inspections = [shareable(item) for item in inspections]
    names = names_of(inspections)
    drawn = diagram(inspections, names, kv_bytes_per_value)
    pairs = _pairs(inspections, drawn, kv_bytes_per_value)
    return render(
        "inspect.html",
        standalone=standalone,
        charts=False,
        here="inspect",
        inspections=inspections,
        names=names,
        lead=_lead(inspections, names, pairs, kv_bytes_per_value),
        pairs=pairs,
        permissions=permissions,
        kv_dtype=kv_dtype,
        lines=overview(
            inspections,
            _reads(inspections, [whole.read for whole in drawn.wholes]),
            kv_bytes_per_value,
            kv_dtype,
        ),
        stacks=[stack_text(item.architecture) for item in inspections],
        drawn=drawn,
        notes=[notes_of(item) for item in inspections],
        licenses=[(license_of(item), _license_words(item)) for item in inspections],
        not_legal_advice=NOT_LEGAL_ADVICE,
        chart=kv_growth(inspections, names, kv_bytes_per_value),
        engines=SETTINGS,
        computed=Provenance("predicted", "arithmetic on the architecture", _dates(inspections)),
        more=more_address(picks) if 0 < len(picks) < MOST_MODELS else "",
    )


def _pairs(
    inspections: Sequence[Inspection], drawn: Diagram, kv_bytes_per_value: float
) -> list[Pair]:
    return [
        Pair(
            first,
            second,
            differences(inspections[first], inspections[second], kv_bytes_per_value),
            parted(drawn, first, second),
        )
        for first, second in combinations(range(len(inspections)), 2)
    ]


def _lead(
    inspections: Sequence[Inspection],
    names: Sequence[str],
    pairs: Sequence[Pair],
    kv_bytes_per_value: float,
) -> str:
    """The most important of what follows; empty for one model, or where nothing follows."""
    if len(pairs) == 1:
        return next(iter(pairs[0].follows), "")
    return at_a_glance(inspections, _brief(names), kv_bytes_per_value) if pairs else ""


def _brief(names: Sequence[str]) -> list[str]:
    """Names without their organisation, ``org/name`` or ``org--name``, where they still differ."""
    short = [re.split(r"/|--", name, maxsplit=1)[-1] or name for name in names]
    return short if len(set(short)) == len(short) else list(names)


def shareable(inspection: Inspection) -> Inspection:
    """The model without the folders of the machine on which it was inspected."""
    source = inspection.provenance.source
    short = _short(source)
    return replace(
        inspection,
        name=_short(inspection.name),
        provenance=replace(inspection.provenance, source=short),
        notes=tuple(note.replace(source, short) if source else note for note in inspection.notes),
    )


def _short(text: str) -> str:
    """A path without its folders, but the last one of a file called as every model's is."""
    path = PureWindowsPath(text) if ntpath.splitdrive(text)[0] else PurePosixPath(text)
    if not (path.is_absolute() or text.startswith((".", "~"))):
        return text
    alike = path.name.endswith(_ALIKE) and path.parent.name not in ("", ".", "..", "~")
    return f"{path.parent.name}/{path.name}" if alike else path.name or text


def names_of(inspections: Sequence[Inspection]) -> list[str]:
    """A name for each model that no other has."""
    short = [item.architecture.name for item in inspections]
    names: list[str] = []
    for item, name in zip(inspections, short, strict=True):
        wanted = name if short.count(name) == 1 else f"{item.name} {item.quantization.name}"
        same = sum(1 for taken in names if taken.partition(" (no. ")[0] == wanted)
        names.append(f"{wanted} (no. {same + 1})" if same else wanted)
    return names


def license_of(inspection: Inspection) -> str | None:
    """The licence as card, header or configuration state it."""
    return inspection.license or inspection.architecture.license


def notes_of(inspection: Inspection) -> list[str]:
    """What was assumed or not there, each sentence once."""
    return list(dict.fromkeys((*inspection.architecture.assumptions, *inspection.notes)))


def _reads(inspections: Sequence[Inspection], reads: Sequence[float]) -> list[float | None]:
    """Bytes read per token, None where the number format is not known."""
    return [
        read if item.quantization.known and "layers" not in item.architecture.incomplete else None
        for item, read in zip(inspections, reads, strict=True)
    ]


def _license_words(inspection: Inspection) -> str:
    stated = license_of(inspection)
    if stated is None:
        return "The source states no licence: blocked until you have found and read one."
    return summarise(recognise(stated, model=inspection.name))


def _whole(architecture: ModelArchitecture, count: int) -> int | None:
    """A count of weights, None where not all of them are modelled."""
    return None if architecture.incomplete else count


def overview(
    inspections: Sequence[Inspection],
    reads: Sequence[float | None],
    kv_bytes_per_value: float = 2.0,
    kv_dtype: str = "bf16",
) -> list[Line]:
    """The figures that people compare models by.

    Args:
        inspections: the models.
        reads: bytes of weights read per decoded token, of each.
        kv_bytes_per_value: bytes of one number in their caches.
        kv_dtype: its number format.
    """
    models = [item.architecture for item in inspections]
    value = kv_bytes_per_value
    lines = [
        _numbers(
            "Parameters", [_whole(m, m.parameters) for m in models], format_count, "predicted"
        ),
        _numbers(
            "Active per token",
            [_whole(m, m.active) for m in models],
            format_count,
            "predicted",
            note="with embedding, output head and towers",
        ),
        _numbers("Weights", [item.weight_bytes for item in inspections], size, "predicted"),
        _texts("Number format", [item.quantization.name for item in inspections]),
        _numbers("Weights read per token", list(reads), size, note="decoding one sequence"),
        replace(
            _texts("Cache per further token", [growth_text(m, value) for m in models]),
            kind="predicted",
        ),
    ]
    for tokens in CONTEXTS:
        lines += _cache_lines(models, tokens, kv_dtype, value)
    return [
        *lines,
        _numbers("State per sequence", [m.state_bytes() for m in models], size, note=STATES),
        _contexts("Native context", [m.context for m in models]),
        _contexts("Extended context", [m.context_extended for m in models]),
        _numbers("Layers", [m.depth for m in models], _plain, None),
        _numbers("Width", [m.hidden for m in models], _plain, None),
        _numbers("Vocabulary", [m.vocabulary or None for m in models], _plain, None),
        _texts("Output head", ["tied" if m.tied_embeddings else "of its own" for m in models]),
        _texts("Family", [m.model_type for m in models]),
        _texts("Licence", [license_of(item) or "not stated" for item in inspections]),
    ]


def _cache_lines(
    models: Sequence[ModelArchitecture], tokens: int, kv_dtype: str, value: float
) -> list[Line]:
    """The cache at one length: the least, and of models with windows what engines take."""
    least = [m.kv_bytes(tokens, value) for m in models]
    full = [m.kv_full_length_bytes(tokens, value) for m in models]
    label = f"Cache at {format_tokens(tokens)} tokens"
    found = [_numbers(label, least, size, note="the least the architecture allows")]
    if full != least:
        for engine, name in ENGINES.items():
            sizes = [allocated(engine, m, tokens, kv_dtype, value) for m in models]
            note = f"allocated by {name}; settings below the chart"
            found.append(_numbers(f"{label}, {name}", sizes, size, note=note))
        note = "an engine that keeps windows at full length, as vLLM before 0.10"
        found.append(_numbers(f"{label}, windows at full length", full, size, note=note))
    return [_starred(line, models, tokens) for line in found]


def _numbers(
    label: str,
    values: Sequence[float | None],
    write: Callable[[float], str],
    kind: Kind | None = "predicted",
    *,
    note: str = "",
    missing: str = "not known",
) -> Line:
    cells = [
        Cell(
            missing if value is None else write(value),
            tuple(_ratio(value, base) for base in values),
            tuple(value != base for base in values),
        )
        for value in values
    ]
    return Line(label, tuple(cells), kind, note)


def _ratio(value: float | None, base: float | None) -> str:
    if not value or not base or value == base:
        return ""
    return f"{number(value / base)}\N{MULTIPLICATION SIGN}"


def _starred(line: Line, models: Sequence[ModelArchitecture], tokens: int) -> Line:
    """The line with a star on cells of models that were never trained on such long texts."""
    cells = tuple(
        replace(cell, text=f"{cell.text}*") if beyond_context(model, tokens) else cell
        for cell, model in zip(line.cells, models, strict=True)
    )
    note = f"{line.note}; * beyond its context" if cells != line.cells else line.note
    return replace(line, cells=cells, note=note)


def _contexts(label: str, values: Sequence[int | None]) -> Line:
    return _numbers(label, values, _tokens, None, missing="not stated")


def _texts(label: str, values: Sequence[str]) -> Line:
    differs = [tuple(value != base for base in values) for value in values]
    return Line(
        label, tuple(Cell(text, differs=other) for text, other in zip(values, differs, strict=True))
    )


def _tokens(count: float) -> str:
    return f"{count:,.0f} tokens"


def _plain(count: float) -> str:
    return f"{count:,.0f}"


def _dates(inspections: Sequence[Inspection]) -> str:
    return max((item.provenance.date for item in inspections), default="")
