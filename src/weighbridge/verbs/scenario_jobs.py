"""From the names in a scenario to what predictions need: model, number format and device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.effects import Clock
from weighbridge.core.errors import InputError
from weighbridge.core.machine import Machine
from weighbridge.core.quantization import Quantization
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.catalog.served_names import find_served
from weighbridge.facts.devices.described import parse_machine
from weighbridge.facts.quantizations.served import served_as
from weighbridge.facts.quantizations.table import from_config
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.rows import Job
from weighbridge.predict.table import Model, Scenario, engine_name, model
from weighbridge.verbs.scenario_limits import check_split, runs_on, short_weights, too_long

ResultT = TypeVar("ResultT")

# llama.cpp reads GGUF only: the types of it that stand nearest to formats of other engines.
_AS_GGUF: Final = {
    "fp8": "Q8_0", "int8": "Q8_0", "w8a8": "Q8_0", "fp4": "Q4_0", "nvfp4": "Q4_0", "int4": "Q4_0",
    "w4a16": "Q4_0", "awq": "Q4_0", "gptq": "Q4_0",
}  # fmt: skip
# Systems of ai-dynamo/aiconfigurator, whose names public tables use, where they leave memory open.
_SYSTEMS: Final = {"a100_sxm": "A100 SXM 80GB", "a100_pcie": "A100 PCIe 80GB"}


@dataclass(frozen=True, slots=True)
class Known:
    """A model as published.

    Attributes:
        name: of the model, whatever its number format.
        architecture: what it is made of.
        native: the number format it was published in.
        implied: the precision that the name of the checkpoint says, or "".
        exact_bytes: of its tensors, where headers were read.
    """

    name: str
    architecture: ModelArchitecture
    native: Quantization
    implied: str = ""
    exact_bytes: int | None = None


class Jobs:
    """Resolves scenarios, each name once."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._found: dict[tuple[str, ...], Any] = {}

    def job(self, scenario: Scenario) -> tuple[Job, tuple[str, ...]]:
        """The scenario ready to be predicted, and what was assumed.

        Raises:
            InputError: the model, device, engine or precision is not known, or do not go together.
        """
        machine = self.machine(scenario.system)
        engine = engine_name(scenario.backend)
        doubts = runs_on(engine, machine.device)
        of, notes = self._model(scenario.model, scenario.precision.strip(), engine)
        if scenario.tp_size < 1:
            scenario = replace(scenario, tp_size=machine.count)
        split = check_split(engine, scenario, of, machine.device)
        short = short_weights(engine, of, machine.device)
        built = self.known(scenario.model).architecture
        notes = (*doubts, *notes, *split, *short, *too_long(scenario, of.name, built))
        bandwidth = machine.host_bandwidth_bytes_per_s
        return Job(scenario, of, machine.device, bandwidth), notes

    def machine(self, system: str) -> Machine:
        """The machine of that name.

        Raises:
            InputError: none or several go by it.
        """
        meant = _SYSTEMS.get(system.lower(), system)
        return self._once(("machine", system), lambda: parse_machine(meant))

    def known(self, name: str) -> Known:
        """The model of that name or at that path.

        Raises:
            InputError: there is none, or its architecture or number format is not known.
        """
        return self._once(("model", name), lambda: self._known(name))

    def _model(self, name: str, precision: str, engine: str) -> tuple[Model, tuple[str, ...]]:
        found: tuple[Model, tuple[str, ...]] = self._once(
            ("form", name, precision, engine), lambda: self._form(name, precision, engine)
        )
        return found

    def _form(self, name: str, precision: str, engine: str) -> tuple[Model, tuple[str, ...]]:
        known, notes = self.known(name), []
        asked = precision or known.implied
        if engine == "llama.cpp" and asked.lower() in _AS_GGUF and not _stays(asked, known):
            notes.append(f"llama.cpp has no {asked}: {_AS_GGUF[asked.lower()]} is assumed.")
            asked = _AS_GGUF[asked.lower()]
        format_ = served_as(asked, known.architecture, known.native)
        exact = known.exact_bytes if format_ is known.native else None
        return model(known.name, known.architecture, format_, exact), tuple(notes)

    def _known(self, name: str) -> Known:
        if not name.strip():
            raise InputError("No model is named.", fix="Fill in model_path.")
        if _is_file(name):
            return self._read(name)
        found, implied = find_served(self._catalogue, name)
        architecture = found.architecture()
        stated = from_config(found.config or {}, architecture).quantization
        return Known(found.id, architecture, stated or what_if("bf16", architecture), implied)

    def _read(self, path: str) -> Known:
        from weighbridge.verbs.inspect import inspect  # noqa: PLC0415 -- for paths only

        seen = inspect(path, self._clock)
        if not seen.quantization.known:
            raise InputError(
                f"The number format of {path} is not modelled.", fix="State its precision."
            )
        exact = seen.weights.weight_bytes if seen.weights else None
        return Known(seen.name, seen.architecture, seen.quantization, exact_bytes=exact)

    def _once(self, key: tuple[str, ...], find: Callable[[], ResultT]) -> ResultT:
        """What ``find`` gives or raises, the first time and ever after."""
        if key not in self._found:
            try:
                self._found[key] = find()
            except InputError as error:
                self._found[key] = error
        found = self._found[key]
        if isinstance(found, InputError):
            raise found
        result: ResultT = found
        return result


def _stays(precision: str, known: Known) -> bool:
    """Whether a model is published in that precision or a shorter one anyway, as GGUF has it."""
    native = known.native
    return "mxfp4" in native.name.lower() and served_as(
        precision, known.architecture, native
    ) is native  # fmt: skip


def _is_file(name: str) -> bool:
    try:
        return Path(name).expanduser().exists()
    # A name longer than any file's, with a NUL, or of an unknown user (~nobody-here).
    except (OSError, ValueError, RuntimeError):
        return False
