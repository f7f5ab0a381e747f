"""Verbs that do one thing without a further word, and others with one."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


class _Unnamed(click.Context):
    """The context of a command whose word nobody writes."""

    @property
    def command_path(self) -> str:
        """As a user writes it."""
        return self.parent.command_path if self.parent else super().command_path


class Unwritten(click.Command):
    """The command that a verb is without a further word."""

    context_class = _Unnamed


class Worded(click.Group):
    """A verb with words of its own; without one of these it is its :class:`Unwritten` command."""

    unwritten = "measure"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in the word that nobody needs to write."""
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)
        is_word = args[:1] and args[0] in self.commands and args[0] != self.unwritten
        return super().parse_args(ctx, args if is_word else [self.unwritten, *args])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may follow the verb: what may follow the unwritten word, and the others."""
        command = self.commands[self.unwritten]
        inner = command.make_context(self.unwritten, [], parent=ctx, resilient_parsing=True)
        own = [
            CompletionItem(word)
            for word in self.commands
            if word != self.unwritten and word.startswith(incomplete)
        ]
        return own + command.shell_complete(inner, incomplete)
