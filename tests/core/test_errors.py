from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

import pytest

from weighbridge.core import constraints, errors
from weighbridge.core.errors import EndpointError, StatusError, WeighbridgeError

ErrorT = TypeVar("ErrorT", bound=WeighbridgeError)


def _tree_as_drawn() -> dict[str, str]:
    """Child to parent, as the module's docstring draws it."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.fullmatch(r"    ([│├└─ ]*)([A-Z]\w+Error)\b.*", line)
        if not drawn:
            continue
        depth = len(drawn[1]) // 4
        path[depth:] = [drawn[2]]
        if depth:
            parents[drawn[2]] = path[depth - 1]
    return parents


def _subclasses(of: type[ErrorT]) -> Iterator[type[ErrorT]]:
    for child in of.__subclasses__():
        if child.__module__ in (errors.__name__, constraints.__name__):
            yield child
            yield from _subclasses(child)


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    in_code = {cls.__name__: cls.__bases__[0].__name__ for cls in _subclasses(WeighbridgeError)}
    assert len(in_code) > 8
    assert _tree_as_drawn() == in_code


def test_str_joins_what_happened_and_what_to_do() -> None:
    assert str(WeighbridgeError("It broke.", fix="Mend it.")) == "It broke. Mend it."
    assert str(WeighbridgeError("It broke.")) == "It broke."


def test_every_endpoint_error_counts_under_its_own_short_word() -> None:
    kinds = [cls.kind for cls in _subclasses(EndpointError) if cls is not StatusError]
    assert len(set(kinds)) == len(kinds) == 3
    assert all(isinstance(kind, str) and kind.isidentifier() for kind in kinds)
    assert StatusError("No.", status=503).kind == "http_503"


def test_an_error_can_be_raised_as_its_ancestors() -> None:
    with pytest.raises(WeighbridgeError) as caught:
        raise StatusError("No.", status=401, fix="Give a key.")
    assert (caught.value.message, caught.value.fix) == ("No.", "Give a key.")
