"""Whether a load test's answers came from a machine that has a certain device. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from weighbridge.core.load import LoadRun

# Engines that compute on the processor, whatever else the machine has.
ON_PROCESSOR: Final = frozenset({"llamacpp-embedded"})

_COUNT: Final = re.compile(r"\s*\d{1,4}\s*[x×*]\s+(.*\S)|(\d{1,4})[x×*](\S.*)", re.IGNORECASE)
_GPU: Final = re.compile(r"(?:^|,\s)\d{1,4} x ([^,]+)")
# A GPU of which the system knows the bus id alone.
_NAMELESS: Final = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}", re.IGNORECASE)
_MEMORY: Final = re.compile(
    r"(?<![\w.])\d{1,4}(?:\.\d{1,3})?[ _-]*g(?:i?b)?(?![a-z0-9])", re.IGNORECASE
)
_WORD: Final = re.compile(r"[a-z0-9]+")
# Words that tell no two devices apart: makers, brands and what is said of every card.
_NOISE: Final = frozenset(
    {
        "nvidia",
        "geforce",
        "tesla",
        "quadro",
        "amd",
        "radeon",
        "instinct",
        "intel",
        "apple",
        "arc",
        "gpu",
        "graphics",
        "generation",
        "edition",
        "corporation",
        "the",
        "chip",
        "processor",
        "card",
        "tm",
        "r",
        "cpu",
        "rtx",
        "gtx",
        "rx",
        "oam",
        "blackwell",
    }
)
_FORM: Final = re.compile(r"(?:sxm\d?|pcie\d?|nvl|hbm\d?[a-z]?)")
# Systems under which a machine's line names every GPU that the driver shows.
_TELLS: Final = re.compile(r"(?:^|, )Linux\b")


def measured_on(run: LoadRun, devices: Sequence[str], *, engine: str = "") -> bool | None:
    """Whether what answered a load test ran on a machine with a certain device.

    What a run says of its machine is the client's. The server was on it only where its address is
    this machine's own: a loopback address or a Unix socket.

    Args:
        run: with the client's machine and the server's address.
        devices: the names that one device goes by: ``("L4", "NVIDIA L4")``. How many there are of
            it is not looked at: ``2x L4`` asks for an ``L4``.
        engine: that answered, where it is known: ``llamacpp-embedded`` uses no GPU.

    Returns:
        True where that machine has the device, False where it is another machine, and None where
        it cannot be told: the address is a remote one, its GPUs have no name, or nothing is asked.
    """
    wanted = [_without_count(name) for name in devices if name.strip()]
    if not wanted or not run.info.machine:
        return None
    if any(_is_processor(name, run.info.machine) for name in wanted):
        return True if is_own_address(run.url) else None
    if engine in ON_PROCESSOR:
        return False
    return _has_gpu(run, wanted) if is_own_address(run.url) else None


def _has_gpu(run: LoadRun, wanted: Sequence[str]) -> bool | None:
    """Whether the machine that sent the load, and answered it, has one of these."""
    found = gpus_in(run.info.machine)
    if any(_same(name, one) for name in wanted for one in found):
        return True
    nameless = any(_NAMELESS.search(one) for one in found)
    if nameless or not _TELLS.search(run.info.machine) or (not found and _saw_gpu(run)):
        return None
    return False


def is_own_address(url: str) -> bool:
    """Whether an address leads to the machine that asks: loopback, or a Unix socket."""
    if "unix:" in url[:10]:
        return True
    host = urlsplit(url if "://" in url else f"http://{url}").hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def gpus_in(machine: str) -> tuple[str, ...]:
    """The names of the GPUs in a machine's line.

    >>> gpus_in("AMD EPYC 9B14, 2 cores, 23.5 GiB, 1 x NVIDIA L4, Linux 6.1, Python 3.11.7")
    ('NVIDIA L4',)
    """
    return tuple(name.strip() for name in _GPU.findall(machine))


def _without_count(name: str) -> str:
    found = _COUNT.fullmatch(name.strip())
    return (found[1] or found[3]) if found else name


def _same(asked: str, found: str) -> bool:
    """Whether two names may mean one device; ``L4`` is no ``L40S``, ``A100`` may be any A100."""
    one, other = _words(asked), _words(found)
    forms = _forms(asked), _forms(found)
    return bool(one) and one == other and (not all(forms) or forms[0] == forms[1])


def _words(name: str) -> frozenset[str]:
    """What tells a device apart from others, without its memory and the form of its board."""
    words = _plain_words(_MEMORY.sub(" ", name))
    return frozenset(
        piece
        for word in words
        if word not in _NOISE and not _FORM.fullmatch(word)
        for piece in _pieces(word)
    )


def _pieces(word: str) -> Iterator[str]:
    """``rtx4090`` as the brand, which tells nothing, and the number."""
    brand = next((name for name in ("rtx", "gtx", "rx") if word.startswith(name)), "")
    rest = word.removeprefix(brand)
    yield rest if rest[:1].isdigit() else word


def _forms(name: str) -> frozenset[str]:
    forms = (re.sub(r"\d.*", "", word) for word in _plain_words(name) if _FORM.fullmatch(word))
    return frozenset(form for form in forms if form != "hbm")


def _plain_words(name: str) -> list[str]:
    return _WORD.findall(name.lower().replace("pci-e", "pcie"))


def _is_processor(name: str, machine: str) -> bool:
    """Whether a name stands, word for word, in what the system calls its processor."""
    plain = _plain_words(_MEMORY.sub(" ", name))
    words = " ".join(word for word in plain if word not in _NOISE)
    processor = " ".join(w for w in _plain_words(machine.partition(",")[0]) if w not in _NOISE)
    return len(words) > 1 and f" {words} " in f" {processor} "


def _saw_gpu(run: LoadRun) -> bool:
    """Whether counters of GPUs were read beside the load."""
    samples = (one for level in run.levels if level.server for one in level.server.samples)
    return any(one.gpu_memory_bytes or one.gpu_use or one.power_w for one in samples)
