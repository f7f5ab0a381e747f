"""A study as it is asked for: the file with everything looked up that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import InputError
from weighbridge.core.http import parse_url
from weighbridge.core.routing import ModelEntry
from weighbridge.core.study_file import DEMO, StudyFile, SuiteEntry
from weighbridge.core.workload import Slo, parse_slo
from weighbridge.measure.evals.subset import chosen
from weighbridge.measure.evals.suite import Suite, load_suite
from weighbridge.verbs.study.entries import gateway_entry, path_of
from weighbridge.verbs.suites import suite_folder


@dataclass(frozen=True, slots=True)
class AskedSuite:
    """A suite of a study.

    Attributes:
        entry: what the file says of it.
        number: its place in the file, from 0.
        suite: as loaded.
        folder: where it lies.
        models: candidates that answer it.
    """

    entry: SuiteEntry
    number: int
    suite: Suite
    folder: Path
    models: tuple[str, ...]

    @property
    def name(self) -> str:
        """By which verdict and routes know it."""
        return self.suite.name


@dataclass(frozen=True, slots=True)
class Asked:
    """A study's file and what it names.

    Attributes:
        file: as written.
        path: where it lies.
        text: of the file.
        folder: to which paths in it are relative.
        entries: candidates as the gateway would have them.
        suites: in order.
        slo: what users expect.
        keys: bearer tokens of candidates that want one; never kept.
    """

    file: StudyFile
    path: Path
    text: str
    folder: Path
    entries: Mapping[str, ModelEntry]
    suites: tuple[AskedSuite, ...]
    slo: Slo
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The study's."""
        return self.file.name

    @property
    def tasks(self) -> tuple[AskedSuite, ...]:
        """Suites that stand for tasks of the traffic."""
        return tuple(one for one in self.suites if one.entry.is_task)

    @property
    def contenders(self) -> tuple[str, ...]:
        """Candidates that answer a task; where no suite is one, all of them."""
        if not self.tasks:
            return tuple(self.entries)
        return tuple(name for name in self.entries if any(name in one.models for one in self.tasks))

    def endpoint(self, name: str) -> Endpoint | None:
        """Where a candidate answers that somebody else runs; None for one that a study starts."""
        entry = self.entries[name]
        if not entry.urls:
            return None
        return endpoint_at(entry.urls[0], entry.model or name, self.keys.get(name))

    def is_local(self, name: str) -> bool:
        """Whether a candidate runs on this machine: started by us, or at a loopback address."""
        entry = self.entries[name]
        if not entry.urls:
            return True
        host = parse_url(entry.urls[0]).host
        return host == "localhost" or host.startswith("127.") or host == "::1"

    def file_of(self, text: str, kind: str = "") -> Path:
        """The file that a path in the study means."""
        return path_of(text, self.folder, kind)


def load_asked(
    entry: SuiteEntry, number: int, folder: Path, candidates: tuple[str, ...]
) -> AskedSuite:
    """A suite of the file, loaded.

    Raises:
        InputError: it is not there, or wrong.
    """
    if entry.suite.startswith(DEMO):
        where = path_of(entry.suite, folder, "suites")
    else:
        beside = path_of(entry.suite, folder)
        where = beside if beside.exists() else suite_folder(Path(entry.suite))
    if entry.limit is not None and entry.limit < 1:
        raise InputError("`limit` is below 1, so that nothing would be asked.")
    suite = chosen(load_suite(where), entry.limit, None)
    return AskedSuite(entry, number, suite, where, entry.models or candidates)


def resolved(
    file: StudyFile,
    path: Path,
    text: str,
    suites: tuple[AskedSuite, ...],
    environment: Mapping[str, str],
) -> Asked:
    """A file without faults, with everything looked up."""
    folder = path.absolute().parent
    return Asked(
        file=file,
        path=path,
        text=text,
        folder=folder,
        entries={name: gateway_entry(one, folder) for name, one in file.candidates.items()},
        suites=suites,
        slo=parse_slo(file.slo),
        keys={
            name: environment[one.key_env].strip()
            for name, one in file.candidates.items()
            if one.key_env is not None
        },
    )
