"""From what a user says to a question that can be computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from weighbridge.core.cost import (
    ALL,
    NOTHING,
    AllIn,
    Capacity,
    CostQuestion,
    Demand,
    Hosted,
    Owned,
    Rented,
    SelfHosted,
    Uncertain,
    certain,
)
from weighbridge.core.effects import Clock, Store
from weighbridge.core.errors import InputError
from weighbridge.core.load import LoadRun
from weighbridge.core.plan import PlanRun
from weighbridge.core.provenance import Provenance
from weighbridge.core.workload import parse_slo
from weighbridge.facts.devices.described import read_machine, split_count
from weighbridge.facts.prices import Prices
from weighbridge.verbs.cost_apis import hosted, same_model_notes
from weighbridge.verbs.cost_asked import Asked, CapacityAsked, DemandAsked
from weighbridge.verbs.cost_capacity import (
    CapacityError,
    Served,
    as_requests,
    measured,
    planned,
    predicted,
)
from weighbridge.verbs.cost_doubts import check_prompts, check_slots, without_effect
from weighbridge.verbs.cost_lengths import Lengths, with_lengths
from weighbridge.verbs.cost_options import (
    all_in,
    operations,
    owned,
    rented,
)
from weighbridge.verbs.cost_place import place_notes
from weighbridge.verbs.cost_quality import check_used, with_pass_rates
from weighbridge.verbs.cost_words import named, parse_profile, parse_uncertain, parse_volume

if TYPE_CHECKING:
    from weighbridge.facts.catalog.catalogue import Catalogue

__all__ = ["AT_MOST", "Asked", "CapacityAsked", "DemandAsked", "Sources", "question"]

_ALIKE: Final = Provenance("assumed", "taken to count alike", "")
_PROMPT: Final = 750.0
_OUTPUT: Final = 250.0
# Where who has to wait cannot be computed, the busiest hour is kept below full load.
_RHO_UNKNOWN_WAITS: Final = 0.85
AT_MOST: Final = " (at most)"
"""Ends the name of an option whose replica may serve more than was measured, wherever it stands."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where what the user does not say comes from.

    Attributes:
        prices: of APIs and GPUs.
        clock: says today's date.
        store: the workspace; None without one.
        catalogue: the user's own models; None for ours alone.
        workspace: folder of ``store``, which may hold calibrations.
        said: how the user gave what is given.
        predictions: capacities predicted before, for those who ask again and again; else None.
    """

    prices: Prices
    clock: Clock
    store: Store | None = None
    catalogue: Path | None = None
    workspace: Path | None = None
    said: str = "given on the command line"
    predictions: dict[object, Served] | None = None


def question(asked: Asked, sources: Sources) -> tuple[CostQuestion, tuple[str, ...]]:
    """The question with all quantities, and what is assumed in it, one sentence each.

    Raises:
        InputError: something is missing or cannot be understood; the message says what.
    """
    origin = Provenance("assumed", sources.said, sources.prices.today)
    run = _run(asked, sources)
    elsewhere = place_notes(run, asked.device) if isinstance(run, LoadRun) else ()
    asked = _with_count(asked)
    served = _of_run(run)
    demand, demand_notes = _demand(asked.demand, served, origin)
    if served is not None and asked.capacity.as_requests:
        generated = demand.output_tokens.base + demand.reasoning_tokens.base
        served = as_requests(served, demand.prompt_tokens.base, generated)
    served = served or _served(asked, demand, sources, origin)
    capacity, capacity_notes = _capacity(asked.capacity, served.capacity, origin)
    options, hardware_notes = _options(asked, capacity, sources.prices, origin)
    apis, api_notes = _apis(asked, demand, sources.prices, origin)
    with_rates = with_pass_rates((options, apis), asked.pass_rates, sources.store, origin)
    doubts = (
        *check_prompts(asked, demand, served, _catalogue(asked, sources)),
        *check_slots(asked.capacity, capacity, demand),
        *without_effect(asked),
    )
    notes = (
        *demand_notes, *served.notes, *elsewhere, *doubts, *capacity_notes, *hardware_notes,
        *api_notes,
    )  # fmt: skip
    return CostQuestion(demand, *with_rates), notes


def _with_count(asked: Asked) -> Asked:
    """The GPUs of a replica taken out of the device's name."""
    if not asked.device:
        return replace(asked, gpus_per_replica=asked.gpus_per_replica or 1)
    count, device = split_count(asked.device)
    if count > 1 and asked.gpus_per_replica not in (None, count):
        raise InputError(
            f"--device says {count} GPUs a replica, and --count {asked.gpus_per_replica}.",
            fix="Give one of them.",
        )
    return replace(asked, device=device, gpus_per_replica=asked.gpus_per_replica or count)


def _run(asked: Asked, sources: Sources) -> LoadRun | PlanRun | None:
    if not asked.capacity.from_run:
        return None
    if sources.store is None:
        raise InputError("There is no workspace with load runs.", fix="Give --workspace.")
    if asked.capacity.from_run.startswith("plan-"):
        info = sources.store.find(asked.capacity.from_run, "plan")
        return sources.store.load(info.id, PlanRun)
    info = sources.store.find(asked.capacity.from_run, "load")
    return sources.store.load(info.id, LoadRun)


def _catalogue(asked: Asked, sources: Sources) -> Catalogue | None:
    """Read only where a stated speed can be held against the model and the GPU."""
    have = asked.capacity
    if not (asked.model and asked.device and have.tokens_per_s) or have.prefill_per_s:
        return None
    from weighbridge.facts.catalog.catalogue import load  # noqa: PLC0415 -- only to check

    return load(sources.catalogue)


def _of_run(run: LoadRun | PlanRun | None) -> Served | None:
    if run is None:
        return None
    return measured(run) if isinstance(run, LoadRun) else planned(run)


def _demand(
    asked: DemandAsked, served: Served | None, origin: Provenance
) -> tuple[Demand, tuple[str, ...]]:
    if not asked.volume:
        raise InputError("How much traffic there is is not said.", fix="Give --volume "
                         "20M-tokens/day or 100k-requests/day.")  # fmt: skip
    volume, unit = parse_volume(asked.volume, origin)
    profile, source = parse_profile(asked.profile)
    known = served or Served(Capacity(certain(1.0)))
    told = known.capacity.output_tokens_per_s.provenance
    prompt = _length(asked.prompt, "prompt tokens", origin) or _known(
        known.prompt_tokens, told, _PROMPT
    )
    output = _length(asked.output, "output tokens", origin) or _known(
        known.output_tokens, told, _OUTPUT
    )
    demand = Demand(
        volume, prompt, output, unit,
        reasoning_tokens=_share(asked.reasoning, "reasoning tokens", origin),
        cached_share=_share(asked.cached, "cached share", origin),
        written_share=_share(asked.written, "written share", origin),
        batch_share=_share(asked.batch, "batch share", origin),
        profile=profile,
        profile_source=source,
    )  # fmt: skip
    notes = []
    if not (asked.prompt or asked.output or served):
        notes.append(f"Assumed: {_PROMPT:.0f} prompt and {_OUTPUT:.0f} output tokens a request.")
    if demand.profile_source.startswith("assumed"):
        notes.append(
            f"The day is {source}; yours goes in with --profile FILE, 24 numbers from midnight on."
        )
    return demand, tuple(notes)


def _length(text: str, what: str, origin: Provenance) -> Uncertain | None:
    return parse_uncertain(text, what, origin) if text else None


def _known(length: float | None, told: Provenance, usual: float) -> Uncertain:
    """As the run has it that tells the capacity, else the usual."""
    if length:
        return certain(length, told)
    return certain(usual, Provenance("assumed", "Weighbridge's usual length", ""))


def _share(text: str, what: str, origin: Provenance) -> Uncertain:
    return parse_uncertain(text, what, origin) if text else NOTHING


def _served(asked: Asked, demand: Demand, sources: Sources, origin: Provenance) -> Served:
    """A replica's capacity where no run tells it: as given, else as predicted."""
    have = asked.capacity
    if have.tokens_per_s:
        return Served(Capacity(parse_uncertain(have.tokens_per_s, "tokens/s", origin)))
    if not (asked.model and asked.device):
        raise CapacityError(
            "What one replica serves is not known.",
            fix="Give --model and --device for a prediction, --from-run RUN for a measurement, or "
            "--tokens-per-s.",
        )
    from weighbridge.facts.catalog.catalogue import load  # noqa: PLC0415 -- only to predict
    from weighbridge.verbs.plan import calibrations  # noqa: PLC0415

    catalogue = load(sources.catalogue)
    machine = replace(read_machine(asked.device), count=asked.gpus_per_replica or 1)
    known = calibrations(sources.workspace, catalogue, sources.clock) if sources.workspace else ()
    slo, kept = parse_slo(have.slo), {} if sources.predictions is None else sources.predictions
    told = repr(known)

    def at(lengths: Lengths) -> Served:
        key = (machine, asked.model, slo, lengths, have.quantization, told)
        if key not in kept:
            kept[key] = predicted(
                machine, asked.model, slo, lengths,
                catalogue=catalogue, clock=sources.clock,
                quantization=have.quantization, calibrations=known,
            )  # fmt: skip
        return kept[key]

    found = with_lengths(at, demand)
    return replace(found, notes=(*found.notes, *_better(asked.model, sources)))


def _better(model: str, sources: Sources) -> Sequence[str]:
    """That a load run of this model is there, which would be better than a prediction."""
    if sources.store is None:
        return ()
    runs = [one.id for one in sources.store.runs("load") if one.model.lower() == model.lower()]
    if not runs:
        return ()
    note = (
        f"{runs[0]} has measured {model}: --from-run {runs[0]} takes its goodput, if it was on "
        "such a replica."
    )
    return (note,)


def _capacity(
    asked: CapacityAsked, known: Capacity, origin: Provenance
) -> tuple[Capacity, tuple[str, ...]]:
    """What is known of a replica, with what the user says put in its place."""
    service, points = known.service_s, known.points
    if asked.service:
        service = parse_uncertain(asked.service, "seconds of a request", origin)
        points = tuple(replace(one, service=1.0) for one in points)
    if asked.slots:
        points = tuple(replace(one, slots=1.0) for one in points)
    prefill = known.prefill_tokens_per_s
    if asked.prefill_per_s:
        prefill = parse_uncertain(asked.prefill_per_s, "prefill tokens/s", origin)
    slots = asked.slots or known.slots
    looks = slots is not None and service is not None and asked.wait_s is not None
    rho = asked.rho or (1.0 if looks else _RHO_UNKNOWN_WAITS)
    notes = []
    if not looks:
        headroom = "" if asked.rho else f" The busiest hour may use {100 * rho:.0f} % of a replica."
        why = "as asked" if asked.wait_s is None else "slots and seconds of a request are not known"
        notes.append(f"Who has to wait for a slot is not computed: {why}.{headroom}")
    found = replace(
        known,
        prefill_tokens_per_s=prefill,
        slots=slots,
        service_s=service,
        cv=known.cv if asked.cv is None else asked.cv,
        rho=rho,
        wait_s=asked.wait_s if looks else None,
        percentile=asked.percentile,
        slo=known.slo or asked.slo,
        points=points,
    )
    return found, tuple(notes)


def _options(
    asked: Asked, capacity: Capacity, prices: Prices, origin: Provenance
) -> tuple[tuple[SelfHosted, ...], tuple[str, ...]]:
    people, fixed, notes = operations(asked.operating, origin)
    what, where = asked.model or "the model", asked.device or "GPU"
    ways: list[tuple[str, Callable[[], tuple[Rented | Owned | AllIn, tuple[str, ...]]]]] = []
    have = asked.hardware
    if have.gpu_price or have.rented_too or not (have.owned or have.owned_monthly):
        ways.append(("rented", lambda: rented(asked.hardware, asked.device, prices, origin)))
    if asked.hardware.owned_monthly:
        ways.append(("owned", lambda: all_in(asked.hardware, origin)))
    elif asked.hardware.owned:
        ways.append(("owned", lambda: owned(asked.hardware, asked.device, origin)))
    options = []
    least = AT_MOST if capacity.at_least else ""
    for how, make in ways:
        hardware, said = make()
        notes = (*notes, *said)
        options.append(
            SelfHosted(
                name=f"{what} on {how} {where}{least}",
                model=asked.model,
                device=asked.device,
                capacity=capacity,
                rented=hardware if isinstance(hardware, Rented) else None,
                owned=hardware if isinstance(hardware, Owned) else None,
                all_in=hardware if isinstance(hardware, AllIn) else None,
                gpus_per_replica=asked.gpus_per_replica or 1,
                people=people,
                fixed=fixed,
                min_replicas=_least(asked.min_replicas, origin),
                spare_replicas=asked.spare_replicas,
                max_gpus=asked.max_gpus,
            )
        )
    return tuple(options), notes


def _least(text: str, origin: Provenance) -> Uncertain:
    return parse_uncertain(text, "fewest replicas", origin) if text else ALL


def _apis(
    asked: Asked, demand: Demand, prices: Prices, origin: Provenance
) -> tuple[tuple[Hosted, ...], tuple[str, ...]]:
    ratios = named(asked.token_ratios, "ratio of tokens", origin)
    found: list[Hosted] = []
    notes: list[str] = []
    for texts, same in ((asked.apis, False), (asked.same_model_apis, True)):
        # The same model has the same tokenizer.
        usual = ALL if same else ratios.get("") or certain(1.0, _ALIKE)
        for text in texts:
            api, said = hosted(
                text, prices, demand, origin, same_model=same,
                ratio_of=lambda name, usual=usual: ratios.pop(name, usual),  # type: ignore[misc]
            )  # fmt: skip
            found.append(api)
            notes.extend(said)
    notes.extend(same_model_notes(asked.model, asked.same_model_apis, found, prices))
    check_used(ratios, set(), "--token-ratio")
    return tuple(found), tuple(notes)
