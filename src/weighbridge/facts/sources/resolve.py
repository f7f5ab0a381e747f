"""From what a user types to the place that is meant."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from weighbridge.core.errors import InputError
from weighbridge.facts.sources.local import LocalFile, LocalFolder
from weighbridge.facts.sources.material import Source
from weighbridge.facts.sources.ollama import PREFIX, OllamaModel

_PART: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_HUB: Final = re.compile(
    rf"(?P<repo>{_PART}(?:/{_PART})?)(?:@(?P<revision>[^:@\s]{{1,200}}))?(?::(?P<file>[^:\s]+))?"
)
_HUB_PATH: Final = re.compile(
    rf"(?P<repo>{_PART}/{_PART})(?:@(?P<revision>[^/@\s]{{1,200}}))?/(?P<file>[^\s]+)"
)
_HUB_PAGE: Final = re.compile(
    rf"/(?P<repo>{_PART}/{_PART})"
    r"(?:/(?:blob|resolve|raw|tree)/(?P<revision>[^/]+)(?:/(?P<file>.+))?)?/?"
)
_PUBLIC_HUBS: Final = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_FILE_ENDS: Final = (".gguf", ".safetensors", ".json")
_EXAMPLE: Final = "Give a Hub id (Qwen/Qwen3-8B), a folder, a model file or a URL."


def resolve(text: str, *, revision: str | None = None) -> Source:
    """The place that ``text`` names; nothing is read yet, except whether a path exists.

    In this order: ``ollama:NAME``, ``hf://ID``, a URL (a page of the Hub is the model on it), a
    path that exists, ``org/name@revision``, ``org/name:file`` or ``org/name/file``.

    Args:
        text: as typed.
        revision: of a Hub id, when ``text`` states none.

    Raises:
        InputError: it names no place.
    """
    stripped = text.strip()
    if stripped.startswith(PREFIX):
        return OllamaModel(stripped.removeprefix(PREFIX))
    if stripped.startswith("hf://"):
        return _hub_model(stripped.removeprefix("hf://"), revision)
    if stripped.startswith(("http://", "https://")):
        return _at_url(stripped, revision)
    if not stripped or "\0" in stripped:
        raise InputError("No model was named.", fix=_EXAMPLE)
    path = Path(stripped).expanduser()
    if _exists(path):
        return LocalFolder(path) if path.is_dir() else LocalFile(path)
    if _is_path(stripped):
        raise InputError(f"There is no file or folder {stripped}.", fix="Check the path.")
    return _hub_model(stripped, revision)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name longer than any file's
        return False


def _is_path(text: str) -> bool:
    """Whether only a path is meant, because no Hub id looks so."""
    if text.startswith(("/", "./", "../", "~")) or text in {".", ".."} or "\\" in text:
        return True
    file = _HUB_PATH.fullmatch(text) or ":" in text
    return text.endswith(_FILE_ENDS) and not file


def _hub_model(text: str, revision: str | None) -> Source:
    from weighbridge.facts.sources.hub import HubModel  # noqa: PLC0415 -- HTTP and TLS: 50 ms

    # A revision may hold slashes (refs/pr/4), but none is called like a file.
    path = _HUB_PATH.fullmatch(text)
    by_path = path is not None and text.endswith(_FILE_ENDS) and ":" not in text
    match = path if by_path else _HUB.fullmatch(text) or path
    if match is None:
        raise InputError(f"{text!r} names no model.", fix=_EXAMPLE)
    file = match["file"]
    if file is not None and not file.endswith(_FILE_ENDS):
        if ":" in text and "/" not in text:
            raise InputError(
                f"{text!r} looks like a name of Ollama's.", fix=f"Write {PREFIX}{text}."
            )
        raise InputError(
            f"{file!r} is no file that holds a model.",
            fix="Name a .gguf or .safetensors file, or leave it out.",
        )
    stated = match["revision"]
    if stated and revision and stated != revision:
        raise InputError(
            f"Two revisions are named: {stated} and {revision}.", fix="Give one of them."
        )
    return HubModel(match["repo"], stated or revision, file)


def _at_url(url: str, revision: str | None) -> Source:
    """A page of the Hub is the model that it shows; any other URL is a file."""
    from weighbridge.facts.sources.hub import HubModel  # noqa: PLC0415
    from weighbridge.facts.sources.remote import RemoteModel  # noqa: PLC0415

    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise InputError(f"{url!r} is not a URL: {error}.", fix="Check it.") from error
    own = urlsplit(os.environ.get("HF_ENDPOINT", "")).netloc
    page = _HUB_PAGE.fullmatch(parts.path)
    if page is not None and (host in _PUBLIC_HUBS or (own and parts.netloc == own)):
        stated = page["revision"]
        file = unquote(page["file"] or "")
        wanted = file if file.endswith(_FILE_ENDS) else None
        named = host if host in _PUBLIC_HUBS and own and own not in _PUBLIC_HUBS else None
        return HubModel(page["repo"], unquote(stated) if stated else revision, wanted, named or "")
    return RemoteModel(url)
