"""Commands of others as words: where the server's port stands, and what must not be shown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePath

_VARIABLE = re.compile(r"\$\{[^{}]*\}")
_CONTAINERS = frozenset({"docker", "podman", "nerdctl"})
# `docker` stands first, or after the likes of `sudo -E`.
_FIRST = 3
_PUBLISHED = re.compile(r"(-p=?|--publish=)?((?:[\d.]+|\[[\d:a-fA-F]+\]):)?(\d+)(:\d+(?:/tcp)?)")
_SECRET = re.compile(r"(?i)key|token|secret|password|credential")
_SECRET_PARTS = frozenset(
    {"key", "apikey", "token", "secret", "password", "credential", "credentials"}
)
# What only says how much or whether is no secret, as in TOKENIZERS_PARALLELISM=false.
_HARMLESS = re.compile(r"(?i)true|false|yes|no|on|off|auto|none|\d{0,7}")
_ASSIGNED = re.compile(r"(-{0,2}[A-Za-z_][\w.-]*)=(.*)", re.DOTALL)


class Secrets:
    """Values that must not be written down, and the variables that stand for them."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def variable(self, name: str, value: str, model: str) -> str:
        """The variable for ``value``: ``name``, or the model's own where another has that one."""
        word = _variable_name(name)
        if self._values.setdefault(word, value) != value:
            word = _variable_name(f"{model}_{word}")
            self._values[word] = value
        return word


def _variable_name(text: str) -> str:
    word = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").upper()
    return f"_{word}" if not word or word[0].isdigit() else word


def is_secret(name: str, value: str) -> bool:
    """Whether an environment variable of this name and value has to be kept to oneself."""
    return _SECRET.search(name) is not None and _keeps(value)


def words_of(cmd: str) -> list[str]:
    """The words of a command; none where its quotation marks do not match."""
    try:
        return shlex.split(cmd)
    except ValueError:
        return []


def joined(words: Sequence[str]) -> str:
    """A command again; variables need no quotation marks."""
    return " ".join(_quoted(word) for word in words)


def with_port(cmd: str, port: str) -> str | None:
    """The command with ``${PORT}`` for ``port``; None where it stands nowhere, or in two places."""
    words = words_of(cmd)
    published = _published(words)
    if published:  # what a container calls its port inside is its own business
        at = [n for n in published if _host_port(words[n]) == port]
    else:
        at = [n for n, word in enumerate(words) if _is_port(word, port)]
    if len(at) != 1:
        return None
    word = words[at[0]]
    words[at[0]] = (
        _PUBLISHED.sub(r"\1\2${PORT}\4", word)
        if published
        else f"{word.removesuffix(port)}${{PORT}}"
    )
    return joined(words)


def without_secrets(cmd: str, model: str, secrets: Secrets) -> tuple[str, tuple[str, ...]]:
    """The command with variables for its secrets, and the names of these.

    Secrets are the values of options such as ``--api-key``, and of what is assigned to names such
    as ``HF_TOKEN``.
    """
    words = words_of(cmd)
    found: list[str] = []
    for number, word in enumerate(words):
        before = words[number - 1] if number else ""
        assigned = _ASSIGNED.fullmatch(word)
        if assigned is not None and _names_secret(assigned[1]) and _keeps(assigned[2]):
            found.append(secrets.variable(assigned[1], assigned[2], model))
            words[number] = f"{assigned[1]}=${{env.{found[-1]}}}"
        elif _asks_secret(before) and _keeps(word) and not word.startswith("-"):
            found.append(secrets.variable(before, word, model))
            words[number] = f"${{env.{found[-1]}}}"
    return (joined(words) if found else cmd), tuple(found)


def _asks_secret(option: str) -> bool:
    return option.startswith("--") and "=" not in option and _names_secret(option)


def _keeps(value: str) -> bool:
    return _HARMLESS.fullmatch(value) is None and "${env." not in value


def _names_secret(name: str) -> bool:
    """By whole words: a ``--tokenizer`` and a ``--key-file`` are none."""
    parts = re.split(r"[-_.]+", name.lower().lstrip("-"))
    return bool(_SECRET_PARTS & set(parts)) and not {"file", "path", "name"} & set(parts)


def _published(words: Sequence[str]) -> list[int]:
    """Which words of a command that runs a container tell ports of the host."""
    if not _CONTAINERS & {PurePath(word).name for word in words[:_FIRST]}:
        return []
    found = []
    for number, word in enumerate(words):
        matched = _PUBLISHED.fullmatch(word)
        if matched and (matched[1] or words[number - 1] in ("-p", "--publish")):
            found.append(number)
    return found


def _host_port(word: str) -> str | None:
    matched = _PUBLISHED.fullmatch(word)
    return matched[3] if matched else None


def _is_port(word: str, port: str) -> bool:
    """Whether a word of a command is the port, alone or after ``=`` or ``:``."""
    return re.fullmatch(rf"(?:.*[=:])?{port}", word) is not None


def _quoted(word: str) -> str:
    plain = _VARIABLE.sub("x", word)
    return word if shlex.quote(plain) == plain else shlex.quote(word)
