"""What a file is that was given as a model but is none: the mistakes that people really make."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A recognised other thing: ``what`` completes "FILE is …", ``fix`` says what to do."""

    what: str
    fix: str


_GIT_LFS = Lookalike(
    "a Git LFS pointer, not the model", "Run `git lfs pull` in the folder it was cloned to."
)
_WEB_PAGE = Lookalike(
    "a web page, not a model",
    "Download the file itself: on the Hub, use the `resolve` link and log in if it is gated.",
)
_ZIP = Lookalike(
    "a zip archive (PyTorch saves checkpoints so), not a GGUF file",
    "Give the model's .gguf file.",
)
_OLD_GGML = Lookalike(
    "a GGML file from before GGUF", "Fetch a GGUF of this model: no current engine reads this one."
)
_JSON = Lookalike("a JSON file, not a model", "Give the model's .gguf file.")
_SAFETENSORS = Lookalike(
    "a safetensors file, not a GGUF file",
    "Give the model's .gguf file, or convert it with llama.cpp's convert_hf_to_gguf.py.",
)

# The magic numbers of llama.cpp's formats before August 2023: ggml, ggmf, ggjt and ggla,
# as 32-bit little-endian numbers, so reversed on disk.
_OLD_GGML_MAGICS = (b"lmgg", b"fmgg", b"tjgg", b"algg")


def recognise(head: bytes) -> Lookalike | None:
    """What a file is whose first bytes are ``head``, or None when they say nothing.

    >>> recognise(b"version https://git-lfs.github.com/spec/v1").what
    'a Git LFS pointer, not the model'
    """
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"version https://git-lfs"):
        return _GIT_LFS
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        return _WEB_PAGE
    if head.startswith(b"PK\x03\x04"):
        return _ZIP
    if head.startswith(_OLD_GGML_MAGICS):
        return _OLD_GGML
    if len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        return _SAFETENSORS
    return _JSON if text.startswith((b"{", b"[")) else None
