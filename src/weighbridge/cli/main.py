"""The command ``weigh``: a group whose verbs are imported only when they are called."""

from __future__ import annotations

import sys

try:  # most of a start is importing: ctrl-C then is no reason for a traceback
    import importlib
    import keyword

    import click

    from weighbridge import __version__
    from weighbridge.cli import diagnostics
except KeyboardInterrupt:
    sys.stderr.write("Interrupted.\n")
    sys.exit(130)

# Verb → its line in `weigh --help`, in the order of the loop. A test holds them to the modules.
VERBS = {
    "demo": "Weigh three real tiny models end to end, offline, in about a minute.",
    "study": "The whole experiment as one file: measure, cost, decide, route; resumable.",
    "inspect": "Know: what a model file is, before running it.",
    "doctor": "Know: this machine, its engines, and what could not be found out.",
    "models": "Know: current open-weight models, by size, context and licence.",
    "plan": "Predict: what fits a machine, how fast, for how many users.",
    "place": "Predict: which models share which GPUs, all placed together.",
    "predict": "Predict: latency and memory for a table of scenarios.",
    "prices": "Predict: what tokens cost at hosted APIs, and GPUs by the hour.",
    "tune-estimate": "Predict: what fine-tuning a model takes in memory, hours and money.",
    "cost": "Predict: what a workload costs a month, self-hosted and at APIs; break-evens.",
    "bench": "Measure: an endpoint's latency and throughput under load.",
    "calibrate": "Predict: better for your machine, from its own load runs.",
    "eval": "Measure: a model's accuracy on a suite of your tasks.",
    "tokens": "Measure: what your own texts cost in each model's tokens.",
    "context": "Measure: how long a context a model really uses.",
    "suites": "Measure: suites of tasks, ours and published ones brought in.",
    "rate": "Measure: which answers people prefer, side by side and blind.",
    "compare": "Decide: which differences between evaluations are real.",
    "gate": "Decide: whether a candidate is no worse than a baseline, for CI.",
    "correlate": "Decide: whether a public leaderboard predicts what was measured here.",
    "decide": "Decide: the best model per task, alone and together.",
    "route": "Decide: which model for which prompt, learned from evaluations.",
    "import": "Act: turn a configuration of llama-swap or LiteLLM into ours.",
    "serve": "Act: route live traffic as router.config.yaml says.",
    "keys": "Act: make, list and check the keys of a gateway.",
    "gateway": "Act: a running gateway's models, figures and budgets; start and stop engines.",
    "traffic": "Act: look at captured traffic, and make evaluation sets of it.",
    "runs": "List what the workspace holds.",
    "ui": "Show the workspace in the browser.",
    "completion": "Print a script that completes weigh's words in your shell.",
}


class Verbs(click.Group):
    """Looks a verb up by its module in this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """All verbs, in the order of the loop."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command, imported now."""
        if cmd_name not in VERBS:
            return None
        # A module cannot be called like a word of Python: `import` is in import_.py.
        word = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name.replace("-", "_")
        module = importlib.import_module(f"weighbridge.cli.{word}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which one was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if error.message.startswith("No such command"):
                raise click.UsageError(_unknown(args[0]), ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def _unknown(word: str) -> str:
    import difflib  # noqa: PLC0415 -- only for a slip of the finger

    near = difflib.get_close_matches(word, VERBS, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else "`weigh --help` lists the verbs."
    return f"There is no verb {word!r}. {hint}"


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="weigh")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def weigh(debug: bool) -> None:
    """Weigh open-weight language models on your own hardware, traffic and terms.

    Then bridge your traffic to the winner. Start with `weigh demo`.
    """


def main() -> None:
    """Entry point of the console script."""
    code = diagnostics.guarded(
        lambda: weigh.main(standalone_mode=False), debug="--debug" in sys.argv[1:]
    )
    sys.exit(code)
