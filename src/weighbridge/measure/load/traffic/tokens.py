"""Exact token counts by a local tokenizer: a ``tokenizer.json`` or a model's folder, no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.errors import FormatError, InputError

_INSTALL = "Install it: pip install 'weighbridge[tokens]'."


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Counts the tokens of texts, without what a chat template adds around them.

    Attributes:
        name: the file it was read from.
        count: tokens of one text.
    """

    name: str
    count: Callable[[str], int]


def load_tokenizer(path: Path) -> TokenCounter:
    """The tokenizer of a ``tokenizer.json``, or of the folder that has one.

    Raises:
        InputError: there is no such file, or the library that reads it is missing.
        FormatError: the file describes no tokenizer.
    """
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"There is no tokenizer at {file}.",
            fix="Name a tokenizer.json or a model's folder that has one.",
        )
    # Here and not above: it takes longer to import than a whole run needs to start.
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415
    except ImportError:
        raise InputError(
            "Counting tokens here needs the library tokenizers.", fix=_INSTALL
        ) from None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # noqa: BLE001 -- the library raises nothing more specific
        raise FormatError(
            f"{file} describes no tokenizer: {error}.",
            fix="Use the tokenizer.json that comes with the model.",
        ) from None
    # Files may ask for texts to be cut or filled up, as training wants them; counts must not be.
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    return TokenCounter(str(file), count)
