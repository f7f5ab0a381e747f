"""Inputs of a blind rating: ``{"id", "prompt"}`` a line, or the set that traffic was sampled to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.rating_session import RatingInput, Said

_FORM: Final = 'A line is {"id": "1", "prompt": "…"}, with "task", "messages" and "group" at will.'


class _Line(msgspec.Struct):
    """A line, or what of it matters here."""

    prompt: str = ""
    id: str | int = ""
    messages: list[dict[str, Any]] = msgspec.field(default_factory=list)
    task: str | None = None
    group: str | None = None


def read_inputs(path: Path) -> tuple[RatingInput, ...]:
    """The inputs of a file, or of a folder's ``items.jsonl``.

    Raises:
        InputError: it cannot be read or is empty.
        FormatError: a line is none; names it.
    """
    file = path / "items.jsonl" if path.is_dir() else path
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror}.", fix="Check the path.") from None
    found: dict[str, RatingInput] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            one = _input(msgspec.json.decode(line, type=_Line), number)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            raise FormatError(f"{file}, line {number}: {error}.", fix=_FORM) from None
        if one.id in found:
            raise FormatError(
                f"{file}, line {number}: the id {one.id} is there twice.", fix="Rename one."
            )
        found[one.id] = one
    if not found:
        raise InputError(f"{file} has no inputs.", fix=_FORM)
    return tuple(found.values())


def _input(line: _Line, number: int) -> RatingInput:
    said = [Said(str(one.get("role") or "user"), _text(one)) for one in line.messages]
    prompt = line.prompt
    if not prompt.strip():
        while said and said[-1].role == "assistant":
            said.pop()  # what was answered then is not asked again
        prompt = said.pop().text if said else ""
    if not prompt.strip():
        raise ValueError("there is neither a prompt nor a message of a user")
    return RatingInput(
        str(line.id) or str(number),
        prompt,
        tuple(said),
        line.task or "",
        line.group or "",
    )


def _text(message: dict[str, Any]) -> str:
    """A message's text, as sampled traffic or as a request has it."""
    content = message.get("text", message.get("content"))
    if isinstance(content, list):
        content = "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
