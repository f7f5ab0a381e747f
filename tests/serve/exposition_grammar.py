"""A reader of Prometheus' text format 0.0.4, strict where Prometheus is, for tests."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
_UNESCAPED = {'\\"': '"', "\\\\": "\\", "\\n": "\n"}

Labels = frozenset[tuple[str, str]]


@dataclass
class Family:
    kind: str
    help: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)


def read(text: str) -> dict[str, Family]:
    """Every family by name; fails on anything that the format does not allow."""
    assert text.endswith("\n")
    families: dict[str, Family] = {}
    name, words = "", ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, words = line[7:].partition(" ")
            assert name not in families, f"{name} stands twice"
        elif line.startswith("# TYPE "):
            typed, kind = line[7:].split(" ")
            assert typed == name
            assert kind in _SUFFIXES
            families[name] = Family(kind, words)
        else:
            _read_sample(line, name, families[name])
    for family_name, family in families.items():
        assert family.samples, f"{family_name} has no sample"
        if family.kind == "histogram":
            _check_histogram(family_name, family)
    return families


def _read_sample(line: str, name: str, family: Family) -> None:
    match = _SAMPLE.fullmatch(line)
    assert match is not None, line
    assert match[1] in {name + suffix for suffix in _SUFFIXES[family.kind]}, line
    rest, labels = match[2] or "", []
    while rest:
        label = _LABEL.match(rest)
        assert label is not None, line
        value = re.sub(r"\\.", lambda found: _UNESCAPED[found[0]], label[2])
        labels.append((label[1], value))
        rest = rest[label.end() :]
    assert len({label for label, _ in labels}) == len(labels), line
    key = (match[1], frozenset(labels))
    assert key not in family.samples, f"{line} stands twice"
    family.samples[key] = float(match[3])
    if family.kind == "counter":
        assert float(match[3]) >= 0


def _check_histogram(name: str, family: Family) -> None:
    series: dict[Labels, list[tuple[float, float]]] = {}
    for (sample, labels), value in family.samples.items():
        if sample.endswith("_bucket"):
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            bound = float(dict(labels)["le"].replace("+Inf", "inf"))
            series.setdefault(rest, []).append((bound, value))
    for labels, buckets in series.items():
        bounds, counts = zip(*sorted(buckets), strict=True)
        assert list(counts) == sorted(counts)
        assert bounds[-1] == math.inf
        assert counts[-1] == family.samples[f"{name}_count", labels]
        assert (f"{name}_sum", labels) in family.samples
