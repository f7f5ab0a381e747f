"""The fitted numbers behind memory predictions, from ``coefficients/memory.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from weighbridge.predict.versions import Version, parse_version


@dataclass(frozen=True, slots=True)
class Spread:
    """A fitted number and its standard deviation from model to model."""

    value: float
    sd: float


@dataclass(frozen=True, slots=True)
class Era:
    """Versions of vLLM that take memory alike.

    Attributes:
        since: the first of them.
        sampler_bytes: per sequence and token of the vocabulary, at the peak of sampling.
        base_bytes: of buffers that every model needs.
        overhead_bytes: outside of torch's allocator, on one device.
        overhead_group_bytes: the same where devices work together (TP, EP) over PCIe, and ...
        overhead_nvlink_bytes: ... over NVLink, where they map buffers of each other.
        graphs_bytes: set aside for CUDA graphs; 0 where the engine does not take them into account.
    """

    since: Version
    sampler_bytes: float
    base_bytes: float
    overhead_bytes: Spread
    overhead_group_bytes: Spread
    overhead_nvlink_bytes: Spread
    graphs_bytes: Spread


@dataclass(frozen=True, slots=True)
class Coefficients:
    """All fitted numbers.

    Attributes:
        eras: of vLLM, oldest first.
        hidden_copies: tensors as wide as the model that live at the peak of a forward pass.
        encoder_bytes: peak of a vision tower on the largest image.
        activation_sd: standard deviation of the activation peak, as a share of it ...
        activation_floor_bytes: ... and of what does not shrink with it.
        weights_sd: of the weights' size, as a share of it.
        llamacpp_overhead_bytes: of a GPU's context and libraries.
        llamacpp_buffer_sd: standard deviation of its compute buffers, as a share of them.
        sglang_overhead_bytes: outside its pool and weights.
    """

    eras: tuple[Era, ...]
    hidden_copies: float
    encoder_bytes: float
    activation_sd: float
    activation_floor_bytes: float
    weights_sd: float
    llamacpp_overhead_bytes: Spread
    llamacpp_buffer_sd: float
    sglang_overhead_bytes: Spread

    def era(self, version: Version) -> Era:
        """The era that a version belongs to."""
        return max((era for era in self.eras if era.since <= version), key=lambda era: era.since)


@lru_cache(maxsize=1)
def coefficients() -> Coefficients:
    """The shipped numbers, read once."""
    text = resources.files("weighbridge.predict").joinpath("coefficients/memory.toml").read_text()
    return parse(text)


def parse(text: str) -> Coefficients:
    """The numbers of a TOML file in the shipped form (sizes there are in GiB)."""
    import tomllib  # noqa: PLC0415 -- read once, and only by those who predict

    raw = tomllib.loads(text)
    common = raw["common"]
    return Coefficients(
        eras=tuple(_era(each) for each in raw["vllm"]),
        hidden_copies=common["hidden_copies"],
        encoder_bytes=common["encoder_gib"] * _GIB,
        activation_sd=common["activation_sd"],
        activation_floor_bytes=common["activation_floor_gib"] * _GIB,
        weights_sd=common["weights_sd"],
        llamacpp_overhead_bytes=_spread(raw["llamacpp"]["overhead_gib"]),
        llamacpp_buffer_sd=raw["llamacpp"]["buffer_sd"],
        sglang_overhead_bytes=_spread(raw["sglang"]["overhead_gib"]),
    )


_GIB = 1024**3


def _era(raw: dict[str, object]) -> Era:
    return Era(
        since=parse_version(str(raw["since"])),
        sampler_bytes=_number(raw["sampler_bytes"]),
        base_bytes=_number(raw["base_gib"]) * _GIB,
        overhead_bytes=_spread(raw["overhead_gib"]),
        overhead_group_bytes=_spread(raw["overhead_group_gib"]),
        overhead_nvlink_bytes=_spread(raw["overhead_nvlink_gib"]),
        graphs_bytes=_spread(raw["graphs_gib"]),
    )


def _spread(raw: object) -> Spread:
    """A pair of median and standard deviation in GiB."""
    if not isinstance(raw, list):
        raise TypeError(raw)
    return Spread(_number(raw[0]) * _GIB, _number(raw[1]) * _GIB)


def _number(raw: object) -> float:
    if not isinstance(raw, int | float):
        raise TypeError(raw)
    return float(raw)
