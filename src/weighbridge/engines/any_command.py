"""Any command that starts an OpenAI-compatible server on ``${PORT}``."""

from __future__ import annotations

import shlex

from weighbridge.core.errors import ConfigError
from weighbridge.engines.adapter import Command, Plain, Wanted

NAME = "cmd"
_PORT = "${PORT}"


class AnyCommand(Plain):
    """Words are split as a shell would, but no shell runs: nothing else in them is expanded."""

    name = NAME
    names_itself = True

    def command(self, wanted: Wanted, port: int) -> Command:
        """The configured command with its port.

        Raises:
            ConfigError: its quotes do not match, or it is empty.
        """
        env = {"PORT": str(port)} | {name: filled(text, port) for name, text in wanted.env.items()}
        return Command((*words_of(wanted.cmd or "", wanted.model, port), *wanted.args), env)

    def ready_path(self, wanted: Wanted) -> str:
        """As configured."""
        return wanted.ready_path


def filled(text: str, port: int) -> str:
    """``${PORT}`` replaced."""
    return text.replace(_PORT, str(port))


def words_of(text: str, model: str, port: int) -> tuple[str, ...]:
    """The words of a command line, ``${PORT}`` in them replaced.

    Raises:
        ConfigError: its quotes do not match, or it is empty.
    """
    try:
        words = tuple(filled(word, port) for word in shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"models.{model}: the command cannot be read: {error}.") from None
    if not words:
        raise ConfigError(f"models.{model}: the command is empty.")
    return words
