"""The runs that rest on other runs, and all of them gathered into one study."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.architecture import ModelArchitecture, WeightFile
from weighbridge.core.inspection import Inspection
from weighbridge.core.load import LoadRun
from weighbridge.core.provenance import Interval
from weighbridge.core.runs import EvalRun, RunInfo
from weighbridge.core.verdict import Comparison, Verdict


@dataclass(frozen=True, slots=True)
class ModelSheet:
    """A model as inspected and kept."""

    info: RunInfo
    path: str
    inspection: Inspection

    @property
    def architecture(self) -> ModelArchitecture:
        """Its structure."""
        return self.inspection.architecture

    @property
    def weights(self) -> WeightFile | None:
        """Its tensors, where a header was read."""
        return self.inspection.weights


@dataclass(frozen=True, slots=True)
class VerdictRun:
    """A decision, the runs it rests on, and the gateway configuration that executes it.

    Attributes:
        info: identity.
        evidence: ids of the evaluation runs.
        verdict: the decision.
        router_config: YAML text of ``router.config.yaml``.
    """

    info: RunInfo
    evidence: tuple[str, ...]
    verdict: Verdict
    router_config: str


@dataclass(frozen=True, slots=True)
class TrafficShare:
    """How one way of answering did on one part of the traffic.

    Attributes:
        who: a model, or ``auto`` for the gateway's routing.
        task: the part of the traffic, or ``all``.
        n: requests.
        accuracy: share answered right, with its Wilson interval.
    """

    who: str
    task: str
    n: int
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class RouteRun:
    """The mixed traffic answered through the gateway, routed and by each single model.

    Attributes:
        info: identity.
        shares: accuracy of ``auto`` and of every model, per task and over all.
        gain: routing against the single model that the verdict would have run alone.
        hindsight: routing against the single model that did best on this very traffic.
        routed_to: model and number of requests that ``auto`` sent to it.
        misrouted: requests that went to another model than their task's.
        latency_ms: median end-to-end latency of the routed requests.
    """

    info: RunInfo
    shares: tuple[TrafficShare, ...]
    gain: Comparison
    hindsight: Comparison
    routed_to: tuple[tuple[str, int], ...]
    misrouted: int
    latency_ms: float


@dataclass(frozen=True, slots=True)
class DemoRun:
    """A demo: the ids of its runs, in the order of its steps, and how long it took."""

    info: RunInfo
    inspected: tuple[str, ...]
    loads: tuple[str, ...]
    evals: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    verdict: str
    route: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Study:
    """A demo with its runs loaded: everything that a report shows."""

    run: DemoRun
    sheets: tuple[ModelSheet, ...]
    loads: tuple[LoadRun, ...]
    evals: tuple[EvalRun, ...]
    verdict: VerdictRun
    route: RouteRun
