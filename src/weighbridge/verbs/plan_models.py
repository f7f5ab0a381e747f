"""Which models a plan chooses among, and which are left out before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.effects import Clock
from weighbridge.core.errors import InputError
from weighbridge.core.inspection import Inspection
from weighbridge.core.plan import Refusal
from weighbridge.core.units import format_tokens
from weighbridge.core.workload import Workload
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.catalog.families import family_of
from weighbridge.facts.catalog.model import CatalogueModel
from weighbridge.facts.catalog.yarn import by_yarn
from weighbridge.facts.licenses.intents import Intents
from weighbridge.facts.licenses.questions import Answer, answer
from weighbridge.facts.licenses.read import recognise
from weighbridge.facts.quantizations.table import from_config
from weighbridge.predict.search.models import ModelFacts

# What gives no text back.
NO_GENERATORS = frozenset({"embedding", "speech-to-text"})
_FILES = (".gguf", ".json", ".safetensors")
_WEIGHTS = (".safetensors", ".bin")
_CONFIG = "config.json"


@dataclass(frozen=True, slots=True)
class Chosen:
    """Models that take part, and those that do not, with the reason.

    Attributes:
        facts: those that do.
        refused: those that do not.
        conditional: names of those whose licence allows what is meant under conditions only.
    """

    facts: tuple[ModelFacts, ...]
    refused: tuple[Refusal, ...] = ()
    conditional: tuple[str, ...] = ()


def chosen(catalogue: Catalogue, names: Sequence[str], clock: Clock) -> Chosen:
    """The named models, or the whole catalogue.

    Raises:
        InputError: a name means nothing, or several models.
        EndpointError: the server that has a model fails.
    """
    if not names:
        return _all(model for model in catalogue.models if model.modality not in NO_GENERATORS)
    found: dict[str, ModelFacts] = {}
    refused: list[Refusal] = []
    for name in names:
        one = _named(catalogue, name, clock)
        if isinstance(one, Refusal):
            refused.append(one)
        else:
            found.setdefault(one.source, one)
    return Chosen(tuple(found.values()), tuple(refused))


def allowed(models: Chosen, workload: Workload, intents: Intents | None, modality: str) -> Chosen:
    """Those whose licence, modality and context suffice; refusals begin with longest contexts."""
    kept: list[ModelFacts] = []
    refused: list[tuple[int, Refusal]] = []
    conditional: list[str] = []
    for facts in models.facts:
        refusal = (
            _license_refusal(facts, intents)
            or _modality_refusal(facts, modality)
            or _context_refusal(facts, workload)
        )
        if refusal is not None:
            refused.append((facts.context or 0, refusal))
            continue
        kept.append(facts)
        if intents is not None and _answer(facts, intents).verdict == "conditional":
            conditional.append(facts.name)
    refused.sort(key=lambda pair: -pair[0])
    reasons = (*models.refused, *(refusal for _, refusal in refused))
    return Chosen(tuple(kept), reasons, tuple(conditional))


def _all(models: Iterable[CatalogueModel]) -> Chosen:
    each = [_of_catalogue(model) for model in models]
    return Chosen(
        tuple(one for one in each if isinstance(one, ModelFacts)),
        tuple(one for one in each if isinstance(one, Refusal)),
    )


def _named(catalogue: Catalogue, name: str, clock: Clock) -> ModelFacts | Refusal:
    """A file or folder if there is one of that name, else of the catalogue, else of the Hub."""
    if _is_file(name):
        return _read(name, clock)
    try:
        return _of_catalogue(catalogue.find(name))
    except InputError as error:
        if "may mean" in error.message:
            raise
        if "/" not in name:
            more = "A model of the Hub is called owner/name, a file by its path."
            raise InputError(error.message, fix=f"{error.fix} {more}") from error
    return _read(name, clock)


def _read(name: str, clock: Clock) -> ModelFacts:
    from weighbridge.verbs.inspect import inspect  # noqa: PLC0415 -- 40 ms that few plans need

    return _of_inspection(inspect(name, clock), name)


def _is_file(name: str) -> bool:
    return Path(name).exists() or name.endswith(_FILES) or ":" in name


def _of_catalogue(model: CatalogueModel) -> ModelFacts | Refusal:
    try:
        built = model.architecture()
    except InputError as error:
        return Refusal(model.id, "not known", error.message)
    stated = from_config(model.config or {}, built)
    if stated.quantization is None:
        return Refusal(model.id, "not known", " ".join(stated.notes))
    return ModelFacts(
        name=model.id,
        source=model.id,
        architecture=built,
        native=stated.quantization,
        terms=model.terms,
        modality=model.modality,
        family=model.family,
        released=model.released,
        context=_longest(model.context, built.context, built.context_extended),
    )


def _of_inspection(one: Inspection, given: str) -> ModelFacts:
    built, weights = one.architecture, one.weights
    counts = built.by_component
    takes = ["text"] + ["image"] * (counts["vision"] > 0) + ["audio"] * (counts["audio"] > 0)
    gguf = weights is not None and weights.format == "gguf"
    # Weights of multi-token prediction and tied heads that files repeat are not loaded; without
    # telling them apart only the bits per weight are exact.
    exact = weights.weight_bytes if gguf and weights is not None else None
    return ModelFacts(
        name=one.name,
        source=_source(given, gguf=gguf),
        architecture=built,
        native=one.quantization,
        terms=recognise(one.license or "", model=one.name),
        modality="+".join(takes),
        family=family_of(one.name),
        context=_longest(built.context, built.context_extended),
        gguf=gguf,
        exact_bytes=exact,
    )


def _source(given: str, *, gguf: bool) -> str:
    """What an engine is given: a file of one model, or the folder whose weights it loads.

    A configuration without weights stays what it is; :mod:`weighbridge.engines.commands` knows that
    it cannot be started.
    """
    path = Path(given)
    if not path.exists():
        return given
    path = path.resolve()
    folder = path if path.is_dir() else path.parent
    if gguf:
        files = sorted(folder.glob("*.gguf"))
        return str(files[0] if path.is_dir() and len(files) == 1 else path)
    config = path.is_dir() or path.name == _CONFIG
    if path.suffix in _WEIGHTS or (config and any(each.suffix in _WEIGHTS for each in _in(folder))):
        return str(folder)
    return str(folder / _CONFIG if config else path)


def _in(folder: Path) -> Iterator[Path]:
    return (each for each in folder.iterdir() if each.is_file())


def _longest(*contexts: int | None) -> int | None:
    return max((one for one in contexts if one), default=None)


def _license_refusal(facts: ModelFacts, intents: Intents | None) -> Refusal | None:
    if intents is None:
        return None
    found = _answer(facts, intents)
    if found.verdict in ("yes", "conditional"):
        return None
    words = next(
        (one.words for one in found.reasons if one.verdict == found.verdict), "nothing was asked"
    )
    return Refusal(facts.name, "not allowed", f"licence {facts.terms.id}: {words}")


def _answer(facts: ModelFacts, intents: Intents) -> Answer:
    return answer(facts.terms, intents, multimodal="+" in facts.modality)


def _modality_refusal(facts: ModelFacts, modality: str) -> Refusal | None:
    if modality in facts.modality.split("+"):
        return None
    return Refusal(facts.name, "misses", f"takes {facts.modality}, not {modality}.")


def _context_refusal(facts: ModelFacts, workload: Workload) -> Refusal | None:
    if facts.context is None or facts.context >= workload.longest:
        return None
    said = (
        f"made for {format_tokens(facts.context)} tokens, {format_tokens(workload.longest)} are "
        f"asked for"
    )
    stretched = by_yarn(facts.name)
    if stretched is not None and stretched.reach >= workload.longest:
        return Refusal(facts.name, "misses", f"{said}; {stretched.sentence}")
    return Refusal(
        facts.name, "misses", f"{said}; ask for a context of {_writable(facts.context)}."
    )


def _writable(tokens: int) -> str:
    """A context as it may be typed, in the largest unit that says it exactly or falls short."""
    unit, letter = (1024**2, "M") if tokens >= 1024**2 else (1024, "k")
    return f"{tokens // unit}{letter}" if tokens >= unit else str(tokens)
