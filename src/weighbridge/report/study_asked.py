"""What a study's file asked, as far as its report needs it: pure, from the text that was kept."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from weighbridge.core.constraints import WOULD_BE_LEFT
from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import ModelEntry
from weighbridge.core.study import Study
from weighbridge.core.study_file import StudyFile
from weighbridge.facts.documents import load_yaml


def asked_of(study: Study) -> StudyFile | None:
    """The file as it was run; None for a demo from before, and for one of another version."""
    return _decoded(study.run.text)


@lru_cache(maxsize=4)
def _decoded(text: str) -> StudyFile | None:
    if not text:
        return None
    try:
        return msgspec.convert(load_yaml(text, origin="").document, StudyFile, strict=False)
    except (ConfigError, msgspec.ValidationError):
        return None


def nothing_left(study: Study) -> tuple[str, ...]:
    """That the constraints remove every option, then each with its reason; else nothing.

    That is a decision's answer, and no failure of the study.
    """
    return tuple(one for one in _answered_no(study) if not one.startswith(WOULD_BE_LEFT))


def would_be_left(study: Study) -> tuple[str, ...]:
    """Where nothing is left: at which value of which constraint something would be."""
    lines = _answered_no(study)
    return tuple(one.removeprefix(WOULD_BE_LEFT) for one in lines if one.startswith(WOULD_BE_LEFT))


def _answered_no(study: Study) -> tuple[str, ...]:
    for stage in study.run.stages:
        for unit in stage.units if stage.name == "decide" else ():
            if unit.is_no:
                return tuple(filter(None, map(str.strip, unit.why.splitlines())))
    return ()


def is_this_machine(address: str) -> bool:
    """Whether an address is one of this machine, by its name alone."""
    host = (urlsplit(address).hostname or "").lower()
    return host in ("localhost", "::1") or host.startswith("127.")


def names_of(study: Study) -> list[str]:
    """Every candidate, in the order of the file; else as inspected and evaluated."""
    asked = asked_of(study)
    known = [*(sheet.info.model for sheet in study.sheets), *(e.info.model for e in study.evals)]
    return list(dict.fromkeys([*(asked.candidates if asked else ()), *known]))


def entry_of(study: Study, name: str) -> ModelEntry | None:
    """How a candidate is started or reached, as its evaluation kept it, else as the file says."""
    for run in study.evals:
        if run.info.model == name and run.entry is not None:
            return run.entry
    asked = asked_of(study)
    return asked.candidates.get(name) if asked else None


def address_of(study: Study, name: str) -> str:
    """Where it answered; empty where nobody kept that."""
    entry = entry_of(study, name)
    if entry is not None and entry.urls:
        return entry.urls[0]
    found = [run.url for run in study.evals if run.info.model == name]
    found += [run.url for run in study.loads if run.info.model == name]
    return found[0] if found else ""
