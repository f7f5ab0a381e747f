"""Values that pass between the judge and the answer's process: data, and nothing that acts.

Pickles may make anything; here only what is listed. What the answer's process sends is thus never
an object whose ``==`` was written by the answer.
"""

from __future__ import annotations

import io
import os
from _pickle import (  # the C part alone: pickle imports much more
    Pickler,
    PicklingError,
    Unpickler,
    loads,
)
from collections.abc import Iterator, KeysView, ValuesView

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer to import than most answers to run
    from typing import Any

_HEAD_BYTES = 4
LARGEST = 1 << 30
_BUILTINS = frozenset(
    [
        "bool",
        "bytearray",
        "bytes",
        "complex",
        "dict",
        "float",
        "frozenset",
        "int",
        "iter",
        "list",
        "range",
        "set",
        "slice",
        "str",
        "tuple",
    ]
)
_MORE = {
    "collections": {"Counter", "OrderedDict", "defaultdict", "deque"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    __name__: {"array_of", "keys_of", "match_of", "values_of"},
}


# How to get at the plain value in one of a derived class, whatever that class has made of it.
_BASES: dict[type, Any] = {
    int: int.__pos__,
    float: float.__pos__,
    str: str.__str__,
    tuple: lambda value: list(tuple.__iter__(value)),
    list: lambda value: list(list.__iter__(value)),
    dict: lambda value: list(dict.items(value)),
    set: lambda value: list(set.__iter__(value)),
    frozenset: lambda value: list(frozenset.__iter__(value)),
}
_REFUSALS = (AttributeError, TypeError, PicklingError)


class NotPlainError(Exception):
    """A value that is more than data."""


class EndedError(Exception):
    """The other process is gone."""


def _is_listed(module: str, name: str) -> bool:
    return (module == "builtins" and name in _BUILTINS) or name in _MORE.get(module, ())


class _Writer(Pickler):
    """Iterators travel as what they still yield, numpy's values as their bytes."""

    def reducer_override(self, value: Any) -> Any:  # noqa: ANN401 -- one for each kind
        kind = type(value)
        if kind.__module__ == "numpy" and hasattr(value, "tobytes") and not value.dtype.hasobject:
            return array_of, (value.dtype.str, value.shape, value.tobytes())
        if isinstance(value, Iterator):
            return iter, (list(value),)
        if kind.__module__ == "re" and kind.__name__ == "Match":
            return match_of, (value.re.pattern, value.re.flags, value.string, value.start())
        if kind is type({}.keys()):
            return keys_of, (list(value),)
        if kind is type({}.values()):
            return values_of, (list(value),)
        is_listed = _is_listed(kind.__module__, kind.__qualname__)
        return NotImplemented if is_listed else _as_base(value)


def _as_base(value: Any) -> Any:  # noqa: ANN401
    """How a value travels whose class derives from a plain one: a named tuple as a tuple."""
    for base, plain in _BASES.items():
        if isinstance(value, base):
            return base, (plain(value),)
    return NotImplemented


def is_about_packing(error: BaseException) -> bool:
    """Whether a value could not be sent because it is more than data, as functions are."""
    return "pickle" in str(error)[:200] and isinstance(error, _REFUSALS)


def keys_of(keys: list[Any]) -> KeysView[Any]:
    """The keys of a dictionary."""
    return dict.fromkeys(keys).keys()


def values_of(values: list[Any]) -> ValuesView[Any]:
    """The values of a dictionary."""
    return dict(enumerate(values)).values()


def match_of(pattern: Any, flags: int, text: Any, start: int) -> Any:  # noqa: ANN401
    """What a regular expression matches from there on."""
    import re  # noqa: PLC0415 -- rare

    return re.compile(pattern, flags).match(text, start)


def array_of(dtype: str, shape: tuple[int, ...], content: bytes) -> Any:  # noqa: ANN401
    """One of numpy's arrays or, without a shape, one of its numbers."""
    import numpy as np  # noqa: PLC0415 -- only where the suite brings it

    array = np.frombuffer(content, dtype=dtype).reshape(shape).copy()
    return array if shape else array[()]


class _Reader(Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        if not _is_listed(module, name):
            raise NotPlainError(f"{module}.{name}")
        found = super().find_class(module, name)
        if module == "builtins":
            return found
        # A pickle may set attributes of what it names: of Counter's `==`, were it given the class.
        return lambda *arguments: found(*arguments)  # noqa: PLW0108 -- not the class itself


def packed(value: Any) -> bytes:  # noqa: ANN401
    """The value as bytes; raises whatever pickling it raises."""
    buffer = io.BytesIO()
    _Writer(buffer, protocol=5).dump(value)
    return buffer.getvalue()


def unpacked(content: bytes) -> Any:  # noqa: ANN401
    """The value again.

    Raises:
        NotPlainError: it is more than data.
    """
    try:
        return _Reader(io.BytesIO(content)).load()
    except (NotPlainError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 -- a forged pickle fails in any way it likes
        raise NotPlainError(f"damaged data: {error}") from None


def trusted(content: bytes) -> Any:  # noqa: ANN401
    """What our own parent packed."""
    return loads(content)


def send(descriptor: int, content: bytes) -> None:
    """Write one frame."""
    rest = memoryview(len(content).to_bytes(_HEAD_BYTES, "little") + content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def receive(descriptor: int) -> bytes:
    """Read one frame.

    Raises:
        EndedError: the other side is gone.
        NotPlainError: the frame is larger than any honest one.
    """
    size = int.from_bytes(_exactly(descriptor, _HEAD_BYTES), "little")
    if size > LARGEST:
        raise NotPlainError("more than 1 GiB")
    return _exactly(descriptor, size)


def _exactly(descriptor: int, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, min(size - len(parts), 1 << 20))
        if not part:
            raise EndedError
        parts += part
    return bytes(parts)
