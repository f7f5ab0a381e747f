"""What may pass from an answer to its judge, by honest and by forged pickles."""

from __future__ import annotations

import contextlib
import datetime as dt
import pickle
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.measure.sandbox.inside.plain import NotPlainError, packed, unpacked

_ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
)
_DATA = st.recursive(
    _ATOMS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=20,
)


@given(_DATA)
def test_data_arrives_as_it_was(value: Any) -> None:
    arrived = unpacked(packed(value))
    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        frozenset("ab"),
        1 + 2j,
        range(3),
        bytearray(b"x"),
        Counter("aab"),
        OrderedDict(a=1),
        deque([1, 2], maxlen=3),
        Decimal("1.50"),
        Fraction(1, 3),
        dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC),
        dt.timedelta(days=1),
        [Counter(), {"x": (Decimal(1),)}],
    ],
)
def test_the_standard_librarys_data_too(value: Any) -> None:
    arrived = unpacked(packed(value))
    assert arrived == value
    assert type(arrived) is type(value)


def test_defaults_and_limits_are_kept() -> None:
    counts = defaultdict(int, a=1)
    arrived = unpacked(packed(counts))
    assert arrived["missing"] == 0
    assert unpacked(packed(deque([1, 2], maxlen=2))).maxlen == 2


def test_arrays_keep_shape_and_type() -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(6, dtype="int16").reshape(2, 3)
    arrived = unpacked(packed([array, numpy.float32(1.5)]))
    assert arrived[0].dtype == array.dtype
    assert (arrived[0] == array).all()
    assert arrived[1] == numpy.float32(1.5)
    assert isinstance(arrived[1], numpy.float32)


class Own:
    """A class that the judge does not know."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(Own()),
        pickle.dumps(print),
        pickle.dumps(eval),
        b"cos\nsystem\n(S'true'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"cbuiltins\nint.__add__\n.",
        b"\x80\x04\x8c\x08builtins\x8c\x0bint.__add__\x93.",
        b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.",
        b"P1\n.",
        b"\x82\x01.",
        b"",
        b"garbage",
        pickle.dumps([1, 2])[:-3],
    ],
)
def test_all_else_is_refused(content: bytes) -> None:
    with pytest.raises(NotPlainError):
        unpacked(content)


@pytest.mark.parametrize("name", ["Counter", "OrderedDict", "deque"])
def test_a_forged_pickle_cannot_change_what_equality_means(name: str) -> None:
    """The opcode that restores an object's slots sets attributes of whatever lies on the stack."""
    short = name.encode()
    forged = (
        b"\x80\x04\x8c\x0bcollections\x8c" + bytes([len(short)]) + short + b"\x93"
        b"N}\x8c\x06__eq__\x8c\x08builtins\x8c\x04bool\x93s\x86b."
    )
    before = {kind: kind.__eq__ for kind in (Counter, OrderedDict, deque)}
    with contextlib.suppress(NotPlainError):
        unpacked(forged)
    assert {kind: kind.__eq__ for kind in before} == before
    assert Counter("a") != Counter("b")
