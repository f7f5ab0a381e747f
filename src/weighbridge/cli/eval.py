"""``weigh eval``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import run_async, say
from weighbridge.cli.eval_files import export, import_
from weighbridge.cli.eval_quants import compare_quants
from weighbridge.cli.options import (
    answer_timeout_option,
    json_option,
    key_option,
    open_workspace,
    print_json,
    workspace_option,
)
from weighbridge.cli.unwritten import Unwritten, Worded
from weighbridge.core.counting import counted

if TYPE_CHECKING:
    from weighbridge.core.endpoint import Endpoint
    from weighbridge.core.routing import Price
    from weighbridge.core.runs import EvalRun
    from weighbridge.measure.evals.suite import Suite
    from weighbridge.verbs.eval import EvalSettings
    from weighbridge.verbs.eval_figures import Figures
    from weighbridge.workspace.folder import Workspace

_EXAMPLES = """\b
Example:
  weigh eval http://127.0.0.1:8000/v1 --model tally --suite arithmetic
  weigh eval URL --model M --suite suites/mine --dry-run
  weigh eval URL --model M --suite gsm8k --limit 200 --shuffle 1 --concurrency 64
  weigh eval URL --model M --suite code --repeats 5 --temperature 0.8
  weigh eval URL --model M --suite essays --judge-url URL2 --judge-model J
  weigh eval import samples_gsm8k_2026-11-01.jsonl --model qwen3-8b
  weigh eval export eval-1a2b3c --inspect log.json
  weigh eval compare-quants gsm8k m-f16.gguf m-q4_k_m.gguf

`weigh suites list` tells which suites there are."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whom to ask what, by the command line."""

    endpoint: Endpoint
    suite: Suite
    settings: EvalSettings
    price: Price | None
    with_items: bool = False


@click.command(cls=Unwritten, epilog=_EXAMPLES)
@click.argument("url")
@click.option("--model", required=True, help="The model's name at the endpoint.")
@click.option(
    "--suite",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder with suite.yaml and items.jsonl, or the name of a built-in suite.",
)
@click.option("--limit", type=click.IntRange(1), help="Ask only so many items, the first.")
@click.option(
    "--shuffle",
    type=int,
    metavar="SEED",
    help="Ask in random order; with --limit, a random sample instead of the first items.",
)
@click.option(
    "--repeats", type=click.IntRange(1), default=1, show_default=True, help="Answers per item."
)
@click.option(
    "--temperature", type=click.FloatRange(0), help="Instead of the suite's; 0: the likeliest."
)
@click.option(
    "--seed", type=int, help="Of the answers, instead of the suite's; each repeat adds 1."
)
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Items asked at once.",
)
@answer_timeout_option
@click.option(
    "--attempts",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How often an item is asked that times out or meets a server fault.",
)
@click.option("--fresh", is_flag=True, help="Ask everything anew instead of resuming.")
@click.option("--dry-run", is_flag=True, help="Show three prompts and the cost; ask nothing.")
@click.option("--price", metavar="IN,OUT", help="US dollars per million prompt and output tokens.")
@click.option("--judge-url", help="Where the judging model answers; for suites with a judge.")
@click.option("--judge-model", help="The judging model's name there.")
@click.option("--judge-key", envvar="WEIGHBRIDGE_JUDGE_KEY", help="Bearer token of the judge.")
@click.option(
    "--trust",
    multiple=True,
    metavar="MODULE:FUNCTION",
    help="Let the suite call this Python function to score; may be given again.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Programs run at once, for suites that run code.",
)
@click.option(
    "--items", "with_items", is_flag=True, help="With --json, the result of every answer as well."
)
@key_option
@json_option
@workspace_option
def measure(
    *,
    url: str,
    model: str,
    suite: Path,
    limit: int | None,
    shuffle: int | None,
    repeats: int,
    temperature: float | None,
    seed: int | None,
    concurrency: int,
    timeout: float,
    attempts: int,
    fresh: bool,
    dry_run: bool,
    price: str | None,
    judge_url: str | None,
    judge_model: str | None,
    judge_key: str | None,
    trust: tuple[str, ...],
    workers: int,
    with_items: bool,
    key: str | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Measure a model's accuracy on a suite of your own tasks.

    Every answer is kept as it arrives: interrupted, the same command goes on where it stopped. A
    finished run is not asked for again: the same command then asks every item anew.
    """
    from weighbridge.core.endpoint import endpoint_at  # noqa: PLC0415 -- not for --help
    from weighbridge.measure.evals.scoring import Means  # noqa: PLC0415
    from weighbridge.measure.evals.subset import chosen, sampled  # noqa: PLC0415
    from weighbridge.measure.evals.suite import load_suite  # noqa: PLC0415
    from weighbridge.verbs.eval import EvalSettings  # noqa: PLC0415
    from weighbridge.verbs.suites import suite_folder  # noqa: PLC0415

    folder = suite_folder(suite)
    judge = _judge(judge_url, judge_model, judge_key)
    means = Means(judge=judge, folder=folder, workers=workers, trusted=_trusted(trust))
    asked = _Asked(
        endpoint_at(url, model, key),
        chosen(sampled(load_suite(folder), temperature, seed), limit, shuffle),
        EvalSettings(
            concurrency, timeout, fresh=fresh, repeats=repeats, order_seed=shuffle,
            attempts=attempts, means=means,
        ),
        _price(price), with_items,
    )  # fmt: skip
    if repeats > 1 and asked.suite.settings.sampling.temperature == 0:
        say(
            f"Warning: at temperature 0 the {repeats} answers to an item are copies, or nearly so: "
            "they tell nothing more than one. --temperature 0.8 makes them differ."
        )
    if dry_run:
        _show_dry_run(asked, as_json=as_json)
        return
    run, figures = _evaluated(asked, open_workspace(workspace))
    _deliver(run, figures, asked, as_json=as_json)


def _evaluated(asked: _Asked, store: Workspace) -> tuple[EvalRun, Figures]:
    from weighbridge.cli.progress import progress_display  # noqa: PLC0415
    from weighbridge.verbs import eval as verb  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.verbs.eval_figures import Sum, figures_from  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    async def work() -> tuple[EvalRun, Figures]:
        told = Sum()
        with progress_display() as progress:
            async with Client() as client:
                run = await verb.evaluate(
                    store,
                    client,
                    SystemClock(),
                    asked.endpoint,
                    asked.suite,
                    settings=asked.settings,
                    progress=progress,
                    on_result=told.add,
                    on_resumed=_resumed,
                )
        return run, figures_from(told, run)

    return run_async(
        work(),
        interrupted="Interrupted. The answers so far are kept; "
        "the same command goes on from there.",
    )


def _resumed(left: int) -> None:
    if left:
        say(
            f"Resuming: {counted(left, 'answer')} of an interrupted run "
            f"{'is' if left == 1 else 'are'} kept; those to the same prompts are not asked again."
        )


def _deliver(run: EvalRun, told: Figures, asked: _Asked, *, as_json: bool) -> None:
    from weighbridge.cli.eval_print import show  # noqa: PLC0415
    from weighbridge.verbs.eval_figures import results_json, suite_json, to_json  # noqa: PLC0415

    if as_json:
        results = {"results": results_json(run)} if asked.with_items else {}
        print_json(to_json(run, asked.price, told) | suite_json(asked.suite) | results)
    else:
        show(run, told, asked.price)
    if told.failed:
        first = told.failed[0].detail
        failed = counted(len(told.failed), "answer")
        say(f"Warning: {failed} failed, counted as wrong. First: {first}")


def _show_dry_run(asked: _Asked, *, as_json: bool) -> None:
    from weighbridge.cli.eval_print import show_dry_run  # noqa: PLC0415
    from weighbridge.verbs.eval_dry_run import dry_run  # noqa: PLC0415

    told = dry_run(asked.suite, asked.settings.repeats, asked.price)
    if as_json:
        print_json(told.to_json())
    else:
        show_dry_run(told)


def _judge(url: str | None, model: str | None, key: str | None) -> Endpoint | None:
    from weighbridge.core.endpoint import endpoint_at  # noqa: PLC0415
    from weighbridge.core.errors import InputError  # noqa: PLC0415

    if url is None and model is None:
        return None
    if url is None or model is None:
        raise InputError("A judge needs both --judge-url and --judge-model.")
    return endpoint_at(url, model, key)


def _trusted(names: tuple[str, ...]) -> frozenset[str]:
    import sys  # noqa: PLC0415

    if names and "" not in sys.path:
        # Functions to score are often a file beside the suite, where the user stands.
        sys.path.insert(0, "")
    return frozenset(names)


def _price(text: str | None) -> Price | None:
    from weighbridge.core.errors import InputError  # noqa: PLC0415
    from weighbridge.core.routing import Price  # noqa: PLC0415

    if text is None:
        return None
    try:
        prompt, output = map(float, text.split(","))
    except ValueError:
        prompt = output = -1.0
    if not (0 <= prompt < float("inf") and 0 <= output < float("inf")):
        raise InputError(
            f"--price {text!r} is not two prices.", fix="Write for example --price 0.15,0.60."
        )
    return Price(prompt=prompt, output=output)


@click.group(cls=Worded)
def command() -> None:
    """Measure a model's accuracy on a suite of your own tasks."""


command.add_command(measure, "measure")
command.add_command(import_, "import")
command.add_command(export, "export")
command.add_command(compare_quants, "compare-quants")
