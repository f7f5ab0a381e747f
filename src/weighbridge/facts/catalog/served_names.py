"""Names of checkpoints, and what they say beside the model: ``nvidia/DeepSeek-R1-NVFP4``."""

from __future__ import annotations

import re
from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.catalog.model import CatalogueModel

# Endings of names, and the precision that they mean; the longest first.
_ENDINGS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(rf"(?P<base>.+?)[-_.]{ending}$", re.IGNORECASE), precision)
    for ending, precision in (
        (r"(?:nv)?fp4(?:[-_]v\d+)?", "nvfp4"),
        (r"(?:w[-_])?mxfp4(?:[-_]a[-_](?:fp8|mxfp4))?", "mxfp4"),
        (r"fp8(?:[-_](?:dynamic|block|static|static[-_]pertensor))?", "fp8"),
        (r"(?:quantized[-_.])?w4a16(?:[-_]g128)?", "int4"),
        (r"(?:quantized[-_.])?w8a8|int8", "int8"),
        (r"awq(?:[-_]int4)?", "awq"),
        (r"gptq(?:[-_]int4)?", "gptq"),
        (r"int4", "int4"),
        (r"bf16", "bf16"),
    )
)
_GGUF: Final = re.compile(
    r"(?P<base>.+?)[-_.]gguf(?::(?P<type>[a-z0-9_-]+))?$", re.IGNORECASE
)  # fmt: skip


def split_precision(name: str) -> tuple[str, str]:
    """The name without its precision, and that; "" where the name says none.

    >>> split_precision("nvidia/DeepSeek-R1-NVFP4")
    ('nvidia/DeepSeek-R1', 'nvfp4')
    >>> split_precision("unsloth/Qwen3-8B-GGUF:Q4_K_M")
    ('unsloth/Qwen3-8B', 'Q4_K_M')
    """
    stripped = name.strip()
    file = _GGUF.fullmatch(stripped)
    if file is not None:
        return file["base"], (file["type"] or "").upper().removeprefix("UD-")
    for pattern, precision in _ENDINGS:
        match = pattern.fullmatch(stripped)
        if match is not None:
            # A precision alone, as some tables have it, is no model's name.
            return match["base"] or "", precision
    return stripped, ""


def find_served(catalogue: Catalogue, name: str) -> tuple[CatalogueModel, str]:
    """The model that a checkpoint is of, and the precision that its name says ("" for none).

    Whose the checkpoint is does not matter, what it is called does: parts of a name are not enough,
    because DeepSeek-V3 is not DeepSeek-V3.2.

    Raises:
        InputError: the catalogue has no such model, or several.
    """
    own = _whole(catalogue, name)
    if own is not None:
        return own, ""
    base, precision = split_precision(name)
    found = _whole(catalogue, base)
    if found is None:
        near = catalogue.near(base.rpartition("/")[2])
        hint = f"Nearest {'is' if len(near) == 1 else 'are'} {', '.join(near)}. " if near else ""
        raise InputError(
            f"The catalogue has no model {name!r}.",
            fix=f"{hint}`weigh models` lists all; a path to a config.json works as well.",
        )
    return found, precision


def _whole(catalogue: Catalogue, name: str) -> CatalogueModel | None:
    """The model of that name, by its id or by the part after the slash."""
    wanted = name.strip()
    tail = wanted.rpartition("/")[2]
    if not tail:
        return None
    found = catalogue.called(wanted) or catalogue.called(tail)
    # Meta dropped its name from those of its models after the first checkpoints were out.
    found = found or catalogue.called(tail.removeprefix("Meta-"))
    # Two vendors' models of one name would be told apart by the part before the slash.
    return found[0] if len(found) == 1 else None
