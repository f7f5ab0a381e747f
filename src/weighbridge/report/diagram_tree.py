"""A model as a tree of blocks, in the order in which a token meets them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from weighbridge.core.architecture import COMPONENTS, Cache, Component, Layer, LayerRun, Mixer, Part
from weighbridge.core.inspection import Inspection
from weighbridge.predict.consequences import is_table
from weighbridge.report.diagram_block import Block, Growth, Kind
from weighbridge.report.diagram_words import (
    component_name,
    counts,
    layer_title,
    mixer_title,
    mlp_facts,
    part_title,
    repeated,
)
from weighbridge.report.numbers import size

_TIMES = "\N{MULTIPLICATION SIGN}"
# Not run when a token of text is decoded, unless speculating.
_NOT_READ: tuple[Component, ...] = ("vision", "audio", "mtp")
# Blocks with these roles are counterparts, though they count as different components.
_ROLES: dict[Component, str] = {
    "attention": "mixer",
    "linear_mixer": "mixer",
    "mlp": "feed-forward",
    "experts": "feed-forward",
}
# What stands once outside the layers is called otherwise than its namesakes inside.
_OUTSIDE: dict[Component, str] = {
    "norm": "final norm",
    "per_layer_embedding": "per-layer embedding table",
}
_MOST_GROUPS = 4
# What towers make of images and sound stands among the embedded tokens.
_BEFORE: tuple[Component, ...] = ("vision", "audio", "embedding", "per_layer_embedding")


@dataclass(frozen=True, slots=True)
class _Ruler:
    """What turns counts of one model into bytes."""

    inspection: Inspection
    kv_bytes_per_value: float

    @property
    def sized(self) -> bool:
        return self.inspection.quantization.known

    def size(self, component: Component, weights: int) -> float:
        if not self.sized:
            return 0.0
        return weights * self.inspection.quantization.bits_of(component) / 8

    def read(self, part: Part) -> int:
        unread = part.component in _NOT_READ or is_table(part)
        return 0 if unread else part.parameters - part.idle + part.again

    def growth(self, cache: Cache | None, copies: int) -> Growth:
        if cache is None:
            return Growth(known=False)
        bytes_of = self.kv_bytes_per_value * copies
        windowed = sum(values * most for values, most in cache.windows)
        state = cache.state_bytes() * copies
        return Growth(cache.per_token * bytes_of, windowed * bytes_of, state)


def blocks_of(
    inspection: Inspection, kv_bytes_per_value: float = 2.0, *, by_layer: bool = False
) -> tuple[Block, ...]:
    """The blocks of a model in the order in which a token meets them.

    Args:
        inspection: the model.
        kv_bytes_per_value: bytes of one number in its cache.
        by_layer: show the layer between a run and its parts even where the run has only one kind,
            so that it meets its counterparts of a model with several.
    """
    ruler = _Ruler(inspection, kv_bytes_per_value)
    outside = {block.component: block for block in _outside(ruler)}
    before = [outside[name] for name in _BEFORE if name in outside]
    after = [block for name, block in outside.items() if name not in _BEFORE]
    return (*before, *_runs(ruler, by_layer), *after)


def has_mixed_run(inspection: Inspection) -> bool:
    """Whether some run repeats layers of more than one kind."""
    return any(len(set(run.layers)) > 1 for run in inspection.architecture.runs)


def layer_kinds(inspection: Inspection) -> list[Kind]:
    """Every layer of a model, first to last."""
    return [kind_of(layer) for layer in inspection.architecture.layers]


def kind_of(layer: Layer) -> Kind:
    """What the strip shows of a layer."""
    return Kind(layer.mixer.kind, layer.mlp.kind, layer_title(layer))


def _outside(ruler: _Ruler) -> list[Block]:
    """Blocks outside the layers, one per component."""
    architecture = ruler.inspection.architecture
    order: list[Component] = ["embedding", "per_layer_embedding", "vision", "audio", "norm"]
    order += ["lm_head", *(name for name in COMPONENTS if name not in (*order, "lm_head", "mtp"))]
    blocks = []
    for component in (*order, "mtp"):
        parts = [part for part in architecture.outside if part.component == component]
        if component == "lm_head" and architecture.tied_embeddings:
            blocks.append(_tied_head(ruler, parts))
        elif component == "mtp" and architecture.mtp_parameters:
            blocks.append(_stored_mtp(ruler, parts))
        elif parts:
            title = _OUTSIDE.get(component) or component_name(component)
            blocks.append(
                _parts_block(ruler, component, title, parts, facts=_table_facts(ruler, component))
            )
    return blocks


def _table_facts(ruler: _Ruler, component: Component) -> tuple[tuple[str, str], ...]:
    """Dimensions of the embedding and the output head."""
    if component not in ("embedding", "lm_head"):
        return ()
    architecture = ruler.inspection.architecture
    return counts([("vocabulary", architecture.vocabulary), ("width", architecture.hidden)])


def _tied_head(ruler: _Ruler, parts: Sequence[Part]) -> Block:
    """The output head that is the embedding once more: no weights of its own, but all are read."""
    tables = [p for p in ruler.inspection.architecture.outside if p.component == "embedding"]
    weights = sum(part.parameters for part in tables)
    own = _parts_block(
        ruler, "lm_head", "output head, tied", parts, facts=_table_facts(ruler, "lm_head")
    )
    read = ruler.size("embedding", weights)
    text = f"the embedding's {weights:,} weights, read as the head = {size(read)}"
    formulas = (*own.formulas, ("read per token", text)) if ruler.sized else own.formulas
    return replace(own, read=own.read + read, formulas=formulas)


def _stored_mtp(ruler: _Ruler, parts: Sequence[Part]) -> Block:
    """Multi-token prediction that checkpoints store in addition to the model."""
    more = ruler.inspection.architecture.mtp_parameters
    stored = Part("mtp", "stored in addition", more, "not part of the model's total")
    return _parts_block(ruler, "mtp", component_name("mtp"), [*parts, stored])


def _runs(ruler: _Ruler, by_layer: bool) -> list[Block]:
    first, blocks = 0, []
    for run in ruler.inspection.architecture.runs:
        blocks.append(_run(ruler, run, first, by_layer))
        first += run.depth
    return blocks


def _run(ruler: _Ruler, run: LayerRun, first: int, by_layer: bool) -> Block:
    """A run of layers: what one repetition holds, and below it every layer by itself."""
    groups = _groups(run)
    inside = tuple(_layer(ruler, layer, n, run.count * n) for layer, n in groups)
    if len(groups) == 1:
        layer, times = groups[0]
        inside = inside if by_layer else inside[0].children
        title = repeated(run.count * times, layer_title(layer))
    else:
        unit = ", ".join(f"{n} {layer_title(layer)}" for layer, n in groups)
        unit += "" if groups == _neighbours(run) else ", in turns"
        title = f"{run.count} {_TIMES} [{unit}]" if run.count > 1 else unit
    last = first + run.depth - 1
    facts = [("layers", f"{run.depth:,}"), ("numbers", f"{first}\N{EN DASH}{last}")]
    times = run.count * groups[0][1] if len(groups) == 1 else run.count
    whole = sum_of("run", title, inside, tuple(facts), times=times)
    each = (_each(ruler, run, first),) if run.depth > 1 else ()
    kinds = tuple(kind_of(layer) for layer in run.layers)
    return replace(whole, kinds=kinds, first=first, depth=run.depth, children=(*inside, *each))


def _groups(run: LayerRun) -> list[tuple[Layer, int]]:
    """The layers of a run's unit with their numbers, equal neighbours together.

    Where kinds alternate so often that the unit would be a list, all layers of a kind stand
    together; the strip and the list of every layer have their order.
    """
    neighbours = _neighbours(run)
    kinds = Counter(run.layers)
    return neighbours if len(neighbours) <= max(_MOST_GROUPS, len(kinds)) else list(kinds.items())


def _neighbours(run: LayerRun) -> list[tuple[Layer, int]]:
    return [(layer, len(list(same))) for layer, same in groupby(run.layers)]


def _each(ruler: _Ruler, run: LayerRun, first: int) -> Block:
    """Every layer of a run by itself; equal layers share one child."""
    kinds = list(dict.fromkeys(run.layers))
    children = tuple(
        sum_of("layer", layer_title(layer), _layer_parts(ruler, layer, 1), kind=kind_of(layer))
        for layer in kinds
    )
    sequence = tuple(kinds.index(layer) for layer in run.layers) * run.count
    title = f"every layer, {first}\N{EN DASH}{first + run.depth - 1}"
    counted = [
        f"{sequence.count(index):,} {_TIMES} {child.parameters:,} ({child.title})"
        for index, child in enumerate(children)
    ]
    total = sum(children[index].parameters for index in sequence)
    formulas = (("weights", f"{' + '.join(counted)} = {total:,}"),)
    return Block(
        "each",
        None,
        title,
        formulas=formulas,
        sequence=sequence,
        first=first,
        children=children,
    )


def _layer(ruler: _Ruler, layer: Layer, times: int, copies: int) -> Block:
    """One kind of layer within the unit of a run, with its parts."""
    parts = _layer_parts(ruler, layer, copies)
    facts = (("layers", f"{copies:,}"),)
    title = repeated(times, layer_title(layer))
    return sum_of("layer", title, parts, facts, kind=kind_of(layer), times=copies)


def _layer_parts(ruler: _Ruler, layer: Layer, copies: int) -> tuple[Block, ...]:
    """The parts of a layer by component, the one that mixes tokens with its cache."""
    found = {part.component for part in layer.parts}
    mixing = next(
        (name for name in COMPONENTS if name in found and _ROLES.get(name) == "mixer"), None
    )
    mixer = layer.mixer
    keeps = mixer.cache is None or mixer.cache != Cache()
    blocks = []
    if mixing is None and (mixer.kind != "none" or keeps):
        blocks.append(_mixer_block(ruler, "attention", (), mixer, copies))
    for component in COMPONENTS:
        parts = [part for part in layer.parts if part.component == component]
        if component == mixing:
            blocks.append(_mixer_block(ruler, component, parts, mixer, copies))
        elif parts:
            facts = mlp_facts(layer.mlp, component)
            blocks.append(
                _parts_block(
                    ruler,
                    component,
                    part_title(layer, component),
                    parts,
                    copies=copies,
                    facts=facts,
                )
            )
    return tuple(blocks)


def _mixer_block(
    ruler: _Ruler, component: Component, parts: Sequence[Part], mixer: Mixer, copies: int
) -> Block:
    facts = counts(mixer.numbers)
    block = _parts_block(ruler, component, mixer_title(mixer), parts, copies=copies, facts=facts)
    growth = ruler.growth(mixer.cache, copies)
    formulas = (*block.formulas, *_cache_formulas(ruler, mixer.cache, copies))
    return replace(block, role="mixer", growth=growth, formulas=formulas)


def _parts_block(
    ruler: _Ruler,
    component: Component,
    title: str,
    parts: Sequence[Part],
    *,
    copies: int = 1,
    facts: tuple[tuple[str, str], ...] = (),
) -> Block:
    """Parts of one component, ``copies`` times each."""
    weights = copies * sum(part.parameters for part in parts)
    read = copies * sum(ruler.read(part) for part in parts)
    formulas = [(part.name, _part_formula(part, copies)) for part in parts]
    bits = ruler.inspection.quantization.bits_of(component)
    if weights and ruler.sized:
        text = f"{weights:,} weights {_TIMES} {bits:.4g} bits / 8 = {size(weights * bits / 8)}"
        formulas.append((f"size at {ruler.inspection.quantization.name}", text))
    if read and read != weights and ruler.sized:
        text = f"{read:,} active weights {_TIMES} {bits:.4g} bits / 8 = {size(read * bits / 8)}"
        formulas.append(("read per token", text))
    return Block(
        role=_ROLES.get(component, component),
        component=component,
        title=title,
        parameters=weights,
        size=ruler.size(component, weights),
        read=ruler.size(component, read),
        sized=ruler.sized,
        facts=facts,
        formulas=tuple(formulas),
    )


def sum_of(
    role: str,
    title: str,
    inside: Iterable[Block],
    facts: tuple[tuple[str, str], ...] = (),
    *,
    kind: Kind | None = None,
    times: int = 1,
) -> Block:
    """A block that holds others and weighs what they weigh, being ``times`` the same."""
    children = tuple(inside)
    return Block(
        role=role,
        component=None,
        title=title,
        parameters=sum(block.parameters for block in children),
        size=sum(block.size for block in children),
        read=sum(block.read for block in children),
        sized=all(block.sized for block in children),
        growth=sum((block.growth for block in children), Growth()),
        facts=facts,
        formulas=_sum_formulas(children, times),
        kinds=(kind,) if kind else (),
        children=children,
    )


def _sum_formulas(children: Sequence[Block], times: int) -> tuple[tuple[str, str], ...]:
    """How the numbers of a group come about from those of the blocks inside."""
    lines = []
    weighing = [block for block in children if block.parameters]
    if weighing:
        each = [f"{block.parameters // times:,} ({block.title})" for block in weighing]
        text = " + ".join(each)
        if times > 1:
            text = f"{times:,} {_TIMES} ({text})" if len(each) > 1 else f"{times:,} {_TIMES} {text}"
        lines.append(("weights", f"{text} = {sum(block.parameters for block in weighing):,}"))
    if all(block.sized for block in children):
        sizes = [(block.size, block.title) for block in children]
        reads = [(block.read, block.title) for block in children]
        lines += [*_size_sum("size", sizes, times), *_size_sum("read per token", reads, times)]
    kept = [f"{block.title}: {block.growth.text}" for block in children if block.growth.text]
    return (*lines, ("cache", "; ".join(kept))) if kept else tuple(lines)


def _size_sum(name: str, sizes: Sequence[tuple[float, str]], times: int) -> list[tuple[str, str]]:
    """``32 × (64.03 MiB (full GQA) + 336.00 MiB (MLP)) = 12.50 GiB``."""
    some = [(count, title) for count, title in sizes if count]
    if not some:
        return []
    text = " + ".join(f"{size(count / times)} ({title})" for count, title in some)
    if times > 1:
        text = f"{times:,} {_TIMES} ({text})" if len(some) > 1 else f"{times:,} {_TIMES} {text}"
    return [(name, f"{text} = {size(sum(count for count, _ in some))}")]


def _part_formula(part: Part, copies: int) -> str:
    text = f"{part.formula} = {part.parameters:,}" if part.formula else f"{part.parameters:,}"
    if copies > 1:
        text += f"; {_TIMES} {copies:,} layers = {copies * part.parameters:,}"
    return text


def _cache_formulas(ruler: _Ruler, cache: Cache | None, copies: int) -> list[tuple[str, str]]:
    """How the bytes kept of a sequence come about."""
    if cache is None:
        return [("cache", "not modelled, so not known")]
    value = f"{ruler.kv_bytes_per_value:.4g} bytes"
    layers = f" {_TIMES} {copies:,} layers" if copies > 1 else ""
    growth = ruler.growth(cache, copies)
    lines = []
    if cache.per_token:
        text = f"{cache.per_token:,.6g} numbers {_TIMES} {value}{layers} = {size(growth.per_token)}"
        lines.append(("cache per token", text))
    for values, most in cache.windows:
        total = size(values * most * ruler.kv_bytes_per_value * copies)
        text = f"{values:,.6g} numbers {_TIMES} {most:,} tokens {_TIMES} {value}{layers} = {total}"
        lines.append(("cache in the window", text))
    if growth.state:
        kept = [f"{cache.state:,} numbers {_TIMES} {value}"] if cache.state else []
        if cache.state_float32:
            kept.append(f"{cache.state_float32:,} {_TIMES} 4 bytes")
        lines.append(("state", f"({' + '.join(kept)}){layers} = {size(growth.state)}"))
    return lines
