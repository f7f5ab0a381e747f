"""Candidates of a study as entries that engines are started by, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

import msgspec

from weighbridge.core.routing import AUTO, ModelEntry, RouterConfig
from weighbridge.core.study_file import DEMO, CandidateEntry, StudyFile
from weighbridge.serve.config import values
from weighbridge.serve.config.faults import Fault
from weighbridge.serve.config.models import model_faults
from weighbridge.serve.config.variables import texts, unknown_variables, variables

_FIELDS = ModelEntry.__struct_fields__
# Names stand in lists, in `model@suite`, in YAML and on command lines.
_NAME = re.compile(r"[^\s,@=\x00-\x1f]{1,120}")


def demo_folder() -> Path:
    """The package's folder of demo models, suites and traffic; it may be missing."""
    return Path(str(resources.files("weighbridge"))) / "demo"


def path_of(text: str, folder: Path, kind: str = "") -> Path:
    """What a path of the file means: in the demo's folder, or relative to the file's own.

    Args:
        text: as written.
        folder: of the file.
        kind: where in the demo's folder: ``models`` or ``suites``.
    """
    if text.startswith(DEMO):
        return demo_folder() / kind / text.removeprefix(DEMO)
    return folder / Path(text).expanduser()


def gateway_entry(entry: CandidateEntry, folder: Path) -> ModelEntry:
    """A candidate as the gateway would have it, its file's path absolute."""
    said = {name: getattr(entry, name) for name in _FIELDS}
    source = entry.source
    if source is not None:
        path = path_of(source, folder, "models")
        if source.startswith((DEMO, "/", "./", "../", "~")) or path.exists():
            said["source"] = str(path)
    if entry.urls:
        said["memory"] = None  # for the decision alone: the gateway does not start that server
    return ModelEntry(**said)


def entry_faults(file: StudyFile, folder: Path, environment: Mapping[str, str]) -> Iterator[Fault]:
    """All that is wrong with candidates, found as the gateway finds it."""
    if not file.candidates:
        yield Fault(("candidates",), "there is no candidate")
        return
    entries = {name: gateway_entry(entry, folder) for name, entry in file.candidates.items()}
    config = RouterConfig(entries)
    for fault in model_faults(config, folder):
        yield _moved(fault)
    for path, text, allowed in texts(config):
        if path[2] == "env":
            yield from map(_moved, unknown_variables(text, path, environment, allowed))
        elif wrong := [name for name in variables(text) if name not in allowed]:
            told = "only `env` of an engine, and `key_env`, may name variables of the environment"
            yield _moved(Fault(path, f"`${{{wrong[0]}}}` cannot stand here: {told}"))
    for name, entry in file.candidates.items():
        yield from _own(name, entry, environment)


def _moved(fault: Fault) -> Fault:
    """The same where a study has its models."""
    text = fault.text.replace("the gateway starts", "a study starts")
    return Fault(("candidates", *fault.path[1:]), text)


def _own(name: str, entry: CandidateEntry, environment: Mapping[str, str]) -> Iterator[Fault]:
    at = ("candidates", name)
    if name == AUTO:
        yield Fault(at, f"`{AUTO}` is what the gateway calls its own choice: choose another name")
    elif not _NAME.fullmatch(name):
        yield Fault(at, "a name has no spaces, commas, @ or =, and 120 letters at most")
    variable = entry.key_env or ""
    if variable.isidentifier() and not environment.get(variable, "").strip():
        fault = f"the environment variable {variable} is not set, or is empty"
        yield Fault((*at, "key_env"), fault)
    if entry.urls:
        yield from values.size(entry.memory, (*at, "memory"))
    if len(entry.urls) > 1:
        yield Fault((*at, "url"), "a study measures one address: make each a candidate of its own")


def settings_of(entry: ModelEntry) -> dict[str, object]:
    """What of an entry may change what a model answers, or how fast; its weights are not in it."""
    document: dict[str, object] = msgspec.to_builtins(entry)
    about = ("engine", "args", "cmd", "env", "url", "model", "context", "slots")
    return {key: document[key] for key in about if key in document}
