"""Models as the user names them on the command line: a file or an address, and perhaps a name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import InputError
from weighbridge.core.http import HttpClient
from weighbridge.engines.openai import served_models
from weighbridge.wire.chat import one_line


@dataclass(frozen=True, slots=True)
class Source:
    """A model as the user names it: ``PATH``, ``URL`` or ``NAME=PATH``."""

    name: str
    where: str

    @property
    def is_url(self) -> bool:
        """Whether a server is to be asked."""
        return "://" in self.where


def source_of(text: str) -> Source:
    """A model as written on the command line.

    >>> source_of("qwen=models/q/tokenizer.json").name, source_of("models/q/tokenizer.json").name
    ('qwen', 'q')
    """
    name, equals, where = text.partition("=")
    if equals and name and where and not Path(text).exists():
        return Source(name, where)
    if "://" in text:
        return Source(text, text)
    path = Path(text)
    stem = path.resolve().parent.name if path.name == "tokenizer.json" else path.stem
    return Source(path.resolve().name if path.is_dir() else stem, text)


async def served_at(client: HttpClient, source: Source, key: str | None) -> Endpoint:
    """The model behind a source's address: the only one there, or the one of the source's name.

    Raises:
        InputError: several are served, and none has that name.
        EndpointError: nobody answers, or not in time.
    """
    name = "" if source.name == source.where else source.name
    endpoint = endpoint_at(source.where, name, key)
    known = await served_models(client, endpoint)
    if known is None or name in known:
        return endpoint
    if len(known) == 1:
        return replace(endpoint, model=known[0])
    raise InputError(
        f"{source.where} serves {len(known)} models, none of them called {name!r}.",
        fix=f"Write NAME={source.where} with the name of one: "
        f"{', '.join(map(one_line, known[:8])) or 'there is none'}.",
    )
