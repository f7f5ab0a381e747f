"""Which engines run on which devices: a table of facts, each with its source.

Whether an engine runs somewhere is one thing, whether we know what it takes there another: ways to
serve are searched only where memory and times are modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.core.estimate import EngineName
from weighbridge.core.machine import Device

_NVIDIA: Final = frozenset({"Turing", "Ampere", "Ada", "Hopper", "Blackwell"})
_VLLM_DOCS: Final = "docs.vllm.ai, installation of GPU and CPU, 2026-11"
_PLUGINS: Final = "docs.vllm.ai, hardware plugins, 2026-11"
_SGLANG: Final = "docs.sglang.io, hardware platforms, 2026-11"
_TRTLLM: Final = "nvidia.github.io/TensorRT-LLM, support matrix, 2026-11"
_GGML: Final = "ggml-org/llama.cpp, docs/build.md at b11413, 2026-11"


@dataclass(frozen=True, slots=True)
class Support:
    """That an engine runs on devices of a kind.

    Attributes:
        engine: which.
        by: the backend or plugin that does it.
        source: who says so, and when.
        vendor: of the devices.
        kinds: of devices.
        generations: of devices; empty for all.
        modelled: whether its memory and times there are.
    """

    engine: EngineName
    by: str
    source: str
    vendor: str
    kinds: frozenset[str] = frozenset({"gpu", "apu"})
    generations: frozenset[str] = frozenset()
    modelled: bool = True

    def holds(self, device: Device) -> bool:
        """Whether the device is among them."""
        same = self.vendor == device.vendor and device.kind in self.kinds
        return same and (not self.generations or device.generation in self.generations)


_CPU: Final = frozenset({"cpu"})
_ASIC: Final = frozenset({"accelerator"})
_CDNA: Final = frozenset({"CDNA3", "CDNA4"})

# In the order in which engines are tried. Vendors that the catalogue of devices lacks stand here so
# that a device of theirs is not taken for one that llama.cpp serves.
TABLE: Final[tuple[Support, ...]] = (
    Support("vllm", "CUDA", _VLLM_DOCS, "NVIDIA", generations=_NVIDIA),
    Support(
        "vllm",
        "ROCm",
        _VLLM_DOCS,
        "AMD",
        generations=_CDNA | {"CDNA", "RDNA3", "RDNA4"},
    ),
    Support("vllm", "its XPU backend", _VLLM_DOCS, "Intel", modelled=False),
    Support("vllm", "the plugin vllm-gaudi", _PLUGINS, "Intel", _ASIC, modelled=False),
    Support("vllm", "the plugin tpu-inference", _PLUGINS, "Google", _ASIC, modelled=False),
    Support("vllm", "AWS's plugin vllm-neuron", _PLUGINS, "AWS", _ASIC, modelled=False),
    Support("vllm", "the plugin vllm-ascend", _PLUGINS, "Huawei", _ASIC, modelled=False),
    Support("vllm", "the plugin vllm-metal", _PLUGINS, "Apple", modelled=False),
    *(
        Support("vllm", "its CPU backend", _VLLM_DOCS, vendor, _CPU, modelled=False)
        for vendor in ("Intel", "AMD", "other")
    ),
    Support("sglang", "CUDA", _SGLANG, "NVIDIA", generations=_NVIDIA),
    Support("sglang", "ROCm", _SGLANG, "AMD", generations=_CDNA),
    Support("sglang", "its XPU backend", _SGLANG, "Intel", modelled=False),
    Support("trtllm", "CUDA", _TRTLLM, "NVIDIA", generations=_NVIDIA - {"Turing"}),
    Support("llama.cpp", "CUDA", _GGML, "NVIDIA"),
    Support("llama.cpp", "HIP or Vulkan", _GGML, "AMD"),
    Support("llama.cpp", "SYCL or Vulkan", _GGML, "Intel"),
    Support("llama.cpp", "Metal", _GGML, "Apple"),
    Support("llama.cpp", "Vulkan", _GGML, "other"),
    *(
        Support("llama.cpp", "its CPU backend", _GGML, vendor, _CPU)
        for vendor in ("Intel", "AMD", "Apple", "NVIDIA", "other")
    ),
)


def engines_on(device: Device) -> tuple[EngineName, ...]:
    """The engines that run on a device, as far as what they take there is modelled."""
    return tuple(dict.fromkeys(one.engine for one in TABLE if one.modelled and one.holds(device)))


def others_on(device: Device) -> tuple[Support, ...]:
    """Engines that run there, too, by backends whose memory and times are not modelled."""
    return tuple(one for one in TABLE if not one.modelled and one.holds(device))


def why_none(device: Device) -> str:
    """Why nothing can be planned on a device, as sentences."""
    said = f"No engine that is modelled runs on {device.name}: llama.cpp has no backend for it."
    others = others_on(device)
    if not others:
        return said
    told = " and ".join(f"{one.engine} by {one.by} ({one.source})" for one in others)
    return f"{said} What runs there is {told}, whose memory and times there are not modelled."
