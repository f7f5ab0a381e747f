"""``weigh gate``: whether a candidate is no worse than a baseline, for a team's CI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from weighbridge.core.counting import counted
from weighbridge.core.effects import Store
from weighbridge.core.errors import ExternalError, InputError
from weighbridge.core.gate import GateCheck, GateVerdict
from weighbridge.core.runs import EvalRun
from weighbridge.verbs.run_outcomes import on_common_items, outcomes_of_runs

if TYPE_CHECKING:
    from weighbridge.verbs.outcome_table import TableChoice

_MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}


def gate_runs(store: Store, candidate: str, baseline: str, margin: float) -> GateVerdict:
    """Judge by runs of the workspace.

    Args:
        store: the workspace.
        candidate: a run, or a model, which means its newest run on each suite.
        baseline: likewise.
        margin: how much worse the candidate may be, as a share.

    Raises:
        UnknownRunError: a name is neither.
        InputError: they have no suite in common.
    """
    from weighbridge.decide.gate import gate  # noqa: PLC0415 -- numpy

    ours, theirs = _runs(store, candidate), _runs(store, baseline)
    pairs, cuts = _pairs(ours, theirs)
    if any(own.info.id == other.info.id for own, other in pairs):
        raise InputError(
            f"{candidate} and {baseline} are the same run.", fix="Name two different ones."
        )
    if not pairs:
        raise _nothing_in_common(candidate, baseline, ours, theirs)
    judged = {run.info.id for pair in pairs for run in pair}
    left = [run for run in (*ours, *theirs) if run.info.id not in judged]
    notes = [f"Left out: {run.info.model} on {run.suite}, which only it answered." for run in left]
    outcomes = [outcomes_of_runs(pair)[0] for pair in pairs]
    verdict = gate(candidate, baseline, outcomes, margin, (*cuts, *notes))
    asked = {run.info.id: len({item.id for item in run.items}) for run in (*ours, *theirs)}
    checks = tuple(
        _with_parts(check, (asked[own.info.id], asked[other.info.id]))
        for check, (own, other) in zip(verdict.checks, pairs, strict=True)
    )
    return replace(verdict, checks=checks)


def _with_parts(check: GateCheck, asked: tuple[int, int]) -> GateCheck:
    """With the items that were asked, where not all of them count."""
    return check if asked == (check.n, check.n) else replace(check, asked=asked)


def _pairs(
    ours: Sequence[EvalRun], theirs: Sequence[EvalRun]
) -> tuple[list[tuple[EvalRun, EvalRun]], list[str]]:
    """Runs on the same items, or on parts of one suite cut to what both answered, with notes."""
    pairs: list[tuple[EvalRun, EvalRun]] = []
    notes: list[str] = []
    for own in ours:
        same = next((run for run in theirs if run.suite_hash == own.suite_hash), None)
        if same is not None:
            pairs.append((own, same))
            continue
        for other in theirs:
            if other.suite == own.suite:
                (mine, its), said = on_common_items((own, other))
                pairs += [(mine, its)] if said else []
                notes += said
    return pairs, notes


def _nothing_in_common(
    candidate: str, baseline: str, ours: Sequence[EvalRun], theirs: Sequence[EvalRun]
) -> InputError:
    """Why two names cannot be held against each other."""
    suites = [sorted({run.suite for run in runs}) for runs in (ours, theirs)]
    shared = sorted(set(suites[0]) & set(suites[1]))
    if not shared:
        return InputError(
            f"{candidate} and {baseline} did not answer the same items: {candidate} has answered "
            f"{', '.join(suites[0])}, and {baseline} {', '.join(suites[1])}.",
            fix="Evaluate both on one suite.",
        )
    return InputError(
        f"{candidate} and {baseline} did not answer the same items of {', '.join(shared)}: they "
        "share none, or prompts, right answers or scorers of the shared ones differ.",
        fix="Evaluate both on the same version of a suite, by the same options.",
    )


def _runs(store: Store, name: str) -> list[EvalRun]:
    """The newest run of a model on each suite, or the one run that the name means."""
    newest = {info.subject: info for info in reversed(store.runs("eval")) if info.model == name}
    found = list(newest.values()) or [store.find(name, "eval")]
    return [store.load(info.id, EvalRun) for info in found]


def gate_table(
    path: Path, candidate: str, baseline: str, margin: float, choice: TableChoice
) -> GateVerdict:
    """Judge by two columns of a table of per-item results.

    Raises:
        InputError: it is no such table, or has no such columns.
    """
    from weighbridge.decide.gate import gate  # noqa: PLC0415 -- numpy
    from weighbridge.verbs.outcome_table import read_outcomes  # noqa: PLC0415

    if candidate == baseline:
        raise InputError(f"{candidate} is named twice.", fix="Name two different columns.")
    subjects, notes = read_outcomes(path, choice)
    return gate(candidate, baseline, subjects, margin, notes)


def to_json(verdict: GateVerdict) -> dict[str, Any]:
    """The figures of ``weigh gate --json``; keys are documented in docs/json.md."""
    return {
        "outcome": verdict.outcome,
        "candidate": verdict.candidate,
        "baseline": verdict.baseline,
        "margin": verdict.margin,
        "sentence": verdict.sentence,
        "checks": [_check(check) for check in verdict.checks],
        "notes": list(verdict.notes),
    }


def _check(check: GateCheck) -> dict[str, Any]:
    return {
        "subject": check.subject,
        "outcome": check.outcome,
        "n": check.n,
        "asked_candidate": check.asked[0] if check.asked else check.n,
        "asked_baseline": check.asked[1] if check.asked else check.n,
        "groups": check.groups,
        "candidate": check.candidate.value,
        "baseline": check.baseline.value,
        "difference": check.difference.value,
        "lower": check.difference.low,
        "upper": check.difference.high,
        "method": check.method,
        "flips_up": check.flips_up,
        "flips_down": check.flips_down,
        "more_items": check.more_items,
        "more_items_if": None if check.more_items is None else check.more_items_if,
        "missing_candidate": check.missing[0],
        "missing_baseline": check.missing[1],
        "answered": None
        if check.answered is None
        else {
            "n": check.answered.n,
            "difference": found.value if (found := check.answered.difference) else None,
            "lower": found.low if found else None,
            "upper": found.high if found else None,
        },
        "hangs_on_gaps": check.hangs_on_gaps,
        "sentence": check.sentence,
    }


def junit(verdict: GateVerdict) -> str:
    """The verdict as JUnit XML, a test case per subject; what is inconclusive is an error there."""
    outcomes = [check.outcome for check in verdict.checks]
    counts = (
        f'tests="{len(outcomes)}" failures="{outcomes.count("fail")}" '
        f'errors="{outcomes.count("inconclusive")}"'
    )
    cases = "".join(_case(verdict, check) for check in verdict.checks)
    said = "\n".join(escape(_xml(line)) for line in (verdict.sentence, *verdict.notes))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name="weigh gate" {counts}>\n'
        f'  <testsuite name="weigh gate" {counts}>\n{cases}'
        f"    <system-out>{said}</system-out>\n  </testsuite>\n</testsuites>\n"
    )


def _case(verdict: GateVerdict, check: GateCheck) -> str:
    versus = quoteattr(_xml(f"{verdict.candidate} against {verdict.baseline}"))
    head = f"    <testcase classname={versus} name={quoteattr(_xml(check.subject))}"
    said = _xml(check.sentence)
    if check.outcome == "pass":
        out = escape(_xml(f"{check.sentence} {check.gaps}".strip()))
        return f"{head}>\n      <system-out>{out}</system-out>\n    </testcase>\n"
    tag = "failure" if check.outcome == "fail" else "error"
    opening = f'<{tag} type="{check.outcome}" message={quoteattr(said)}>'
    body = f"{opening}{escape(_xml(f'{what_next(check)} {check.gaps}'.strip()))}</{tag}>"
    return f"{head}>\n      {body}\n    </testcase>\n"


def _xml(text: str) -> str:
    """``text`` without the characters that XML cannot hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def what_next(check: GateCheck) -> str:
    """What flipped, or how many further items would settle it."""
    from weighbridge.decide.statistics.power import in_round_figures  # noqa: PLC0415

    if check.outcome != "inconclusive":
        return f"{counted(check.flips_up, 'item')} up, {check.flips_down} down."
    if check.hangs_on_gaps:
        return "Have the baseline answer what it left out."
    if check.more_items is None and check.groups is not None:
        return "How many further groups of items would settle it cannot be told from so few."
    if check.more_items is None:
        return "No number of further items is known to settle it."
    items = in_round_figures(check.more_items)
    if check.groups is not None:
        items += " further items, in further groups like these,"
    else:
        items += " further items"
    basis = (
        "if the candidate is as good as the baseline; a worse one takes more"
        if check.more_items_if == "equal"
        else "if the difference is the one seen"
    )
    return f"About {items} would probably settle it, {basis}."


def markdown(verdict: GateVerdict) -> str:
    """The verdict as GitHub's Markdown, for the summary of a job."""
    lines = [
        f"### {_MARKS[verdict.outcome]} weigh gate: {verdict.outcome}",
        "",
        _cell(verdict.sentence),
        "",
        "| subject | items | candidate | baseline | difference | 95 % bounds | outcome |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for check in verdict.checks:
        points = check.difference
        lines.append(
            f"| {_cell(check.subject)} | {_items(check)} | {100 * check.candidate.value:.1f} % | "
            f"{100 * check.baseline.value:.1f} % | {100 * points.value:+.1f} | "
            f"{100 * points.low:+.1f}, {100 * points.high:+.1f} | "
            f"{_MARKS[check.outcome]} {check.outcome} |"
        )
    open_checks = [check for check in verdict.checks if check.outcome == "inconclusive"]
    lines += ["", *(f"- {_cell(check.subject)}: {what_next(check)}" for check in open_checks)]
    lines += [f"- {_cell(one.subject)}: {one.gaps}" for one in verdict.checks if one.gaps]
    lines += [f"- {_cell(note)}" for note in verdict.notes]
    return "\n".join(lines).rstrip() + "\n"


def _items(check: GateCheck) -> str:
    whole = max(check.asked) if check.asked else check.n
    return f"{check.n:,} of {whole:,}" if whole > check.n else f"{check.n:,}"


def _cell(text: str) -> str:
    """``text`` as Markdown shows it: names come from files and must not become markup."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_{}[]<>|#~" else letter for letter in text)
    return " ".join(escaped.split())


def write_text(path: Path, text: str, *, append: bool = False) -> None:
    """Write a file that the user asked for.

    Raises:
        ExternalError: it cannot be written.
    """
    try:
        with path.open("a" if append else "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ExternalError(
            f"Cannot write {path}: {error.strerror or error}.", fix="Choose another file."
        ) from None
