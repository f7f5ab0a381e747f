"""Architectures in words, the same for terminals, pages and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from weighbridge.core.architecture import Layer, LayerRun, Mixer, Mlp, ModelArchitecture
from weighbridge.core.units import format_bytes

_TIMES = "\N{MULTIPLICATION SIGN}"


_MOST_LINES: Final = 6
_MOST_GROUPS: Final = 4


def stack_text(architecture: ModelArchitecture) -> str:
    """All layers, first to last: ``12 × [3 × gated DeltaNet …; GQA …], each with MLP 384``."""
    return "; ".join(stack_lines(architecture))


def stack_lines(architecture: ModelArchitecture) -> list[str]:
    """The same in at most six lines: one per run, or one per kind where there are more runs."""
    if not is_folded(architecture):
        return [run_text(run) for run in architecture.runs]
    kinds = Counter(layer_text(layer) for layer in architecture.layers)
    shown = kinds.most_common(_MOST_LINES - (1 if len(kinds) < _MOST_LINES else 2))
    lines = [f"{architecture.depth} layers of {len(kinds)} kinds in {len(architecture.runs)} runs"]
    lines += [_repeated(text, count) for text, count in shown]
    if len(shown) < len(kinds):
        left = architecture.depth - sum(count for _, count in shown)
        lines.append(f"{left} layers of {len(kinds) - len(shown)} more kinds")
    return lines


def is_folded(architecture: ModelArchitecture) -> bool:
    """Whether the layers have too many runs to be told one by one."""
    return len(architecture.runs) > _MOST_LINES


def run_text(run: LayerRun) -> str:
    """One run of layers; what all of them share stands once, at the end."""
    if len(run.layers) == 1:
        return _repeated(layer_text(run.layers[0]), run.count)
    shared = mlp_text(run.layers[0].mlp) if len({layer.mlp for layer in run.layers}) == 1 else ""
    text_of = _mixer_or_nothing if shared else layer_text
    groups = [(text_of(layer), count) for layer, count in _neighbours(run.layers)]
    mixed = len(groups) > _MOST_GROUPS
    if mixed:
        groups = Counter(text_of(layer) for layer in run.layers).most_common()
    unit = "; ".join(_repeated(text, count) for text, count in groups)
    unit = f"by turns {unit}" if mixed else unit
    text = f"{run.count} {_TIMES} [{unit}]" if run.count > 1 else unit
    return f"{text}, each with {shared}" if shared else text


def _mixer_or_nothing(layer: Layer) -> str:
    return mixer_text(layer.mixer) or "no mixer"


def _repeated(text: str, count: int) -> str:
    return f"{count} {_TIMES} {text}" if count > 1 else text


def reach(architecture: ModelArchitecture) -> int | None:
    """The longest text that a model is made for: trained, or stretched as its source states."""
    return max(architecture.context or 0, architecture.context_extended or 0) or None


def beyond_context(architecture: ModelArchitecture, tokens: int) -> bool:
    """Whether a text is longer than the model is made for, as far as that is known."""
    longest = reach(architecture)
    return longest is not None and tokens > longest


def trained_text(architecture: ModelArchitecture) -> str:
    """How long the texts of training were: ``trained for 40,960 tokens, stretched to 131,072``."""
    if architecture.context is None:
        return "trained context not stated"
    text = f"trained for {architecture.context:,} tokens"
    stretched = architecture.context_extended
    longer = stretched is not None and stretched > architecture.context
    return f"{text}, stretched to {stretched:,}" if longer else text


def growth_text(architecture: ModelArchitecture, bytes_per_value: float = 2.0) -> str:
    """What one more token adds to the cache: ``384 KiB up to 262,144 tokens, then nothing``.

    Layers with a window stop growing when it is full.
    """
    late = architecture.kv_bytes_per_token(bytes_per_value)
    if late is None:
        return "not known"
    most = _windows(architecture)
    if not most:
        return format_bytes(late)
    early = (architecture.kv_bytes(1, bytes_per_value) or 0) - _states(architecture)
    longest = reach(architecture)
    if longest is not None and longest <= most[0]:
        return f"{format_bytes(early)} up to {most[0]:,} tokens"
    after = f"{format_bytes(late)} each" if late else "nothing"
    until = f"{most[0]:,}" if len(most) == 1 else f"{most[0]:,} to {most[-1]:,}"
    return f"{format_bytes(early)} up to {until} tokens, then {after}"


def _windows(architecture: ModelArchitecture) -> list[int]:
    """The lengths at which layers stop growing, shortest first."""
    caches = [layer.mixer.cache for run in architecture.runs for layer in run.layers]
    return sorted({most for cache in caches if cache for _, most in cache.windows})


def _states(architecture: ModelArchitecture) -> int:
    return architecture.state_bytes() or 0


def layer_text(layer: Layer) -> str:
    """One kind of layer: ``GQA 32 heads on 8 KV heads of 128, MLP 14336``."""
    parts = [mixer_text(layer.mixer), mlp_text(layer.mlp)]
    return ", ".join(part for part in parts if part) or "nothing"


def mixer_text(mixer: Mixer) -> str:
    """A mixer: its name and the dimensions that people compare; nothing for none."""
    if mixer.kind == "none":
        return ""
    if mixer.kind == "unknown":
        return f"mixer not modelled ({mixer.name})" if mixer.name else "mixer not modelled"
    of = dict(mixer.numbers)
    words = [mixer.name]
    if "heads" in of:
        words.append(_heads(of))
    elif "kv_rank" in of:
        words.append(f"rank {of['kv_rank']}")
    limit = of.get("window") or of.get("chunk")
    if limit is not None:
        words.append(f"{'chunk' if 'chunk' in of else 'window'} {limit}")
    return ", ".join([" ".join(words[:2]), *words[2:]])


def mlp_text(mlp: Mlp) -> str:
    """A feed-forward part; nothing for none."""
    dense = f"MLP {mlp.width}"
    experts = f"{mlp.active} of {mlp.experts} experts of {mlp.expert_width}"
    if mlp.shared:
        experts += f" + {mlp.shared} shared"
    match mlp.kind:
        case "dense":
            return dense
        case "experts":
            return experts
        case "dense + experts":
            return f"{dense} and {experts}"
        case "unknown":
            return "MLP not modelled"
        case "none":
            return ""


def _heads(of: dict[str, int]) -> str:
    heads, kv_heads = of["heads"], of.get("kv_heads")
    text = f"{heads} heads"
    if kv_heads is not None and kv_heads != heads:
        text += f" on {kv_heads} KV {'head' if kv_heads == 1 else 'heads'}"
    key, value = of.get("key_dim"), of.get("value_dim")
    if key is not None:
        text += f" of {key}" if value in (None, key) else f" of {key}/{value}"
    return text


def _neighbours(layers: Iterable[Layer]) -> list[tuple[Layer, int]]:
    runs: list[tuple[Layer, int]] = []
    for layer in layers:
        if runs and runs[-1][0] == layer:
            runs[-1] = (layer, runs[-1][1] + 1)
        else:
            runs.append((layer, 1))
    return runs
