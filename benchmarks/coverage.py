"""How often the intervals of comparisons hold the truth, and how often equal models look different.

    .venv/bin/python benchmarks/coverage.py [--trials 4000]

Each line is a simulation whose truth is known. Promised are 95 % coverage and at most 5 % false
alarms; "±" is two standard errors of the simulation itself.
"""

from __future__ import annotations

import argparse
import csv
import math
import resource
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.special import stdtrit
from scipy.stats import norm

from weighbridge.core.outcomes import Outcomes
from weighbridge.core.preferences import Vote, Winner
from weighbridge.decide.correlation import (
    Utilities,
    correlate,
    spearman,
    spearman_interval,
)
from weighbridge.decide.gate import gate
from weighbridge.decide.model_comparison import compare_models
from weighbridge.decide.preferences import ELO, bradley_terry
from weighbridge.decide.statistics import flip_difference, paired_difference, wilson
from weighbridge.decide.statistics.bootstrap import mean_draws
from weighbridge.decide.statistics.paired import mean, paired
from weighbridge.decide.statistics.score import score_interval
from weighbridge.decide.statistics.sequential import anytime_difference

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
SEED = 20261121


def shown(share: float, trials: int) -> str:
    """A share in percent with two standard errors."""
    return f"{100 * share:.1f} ± {200 * math.sqrt(share * (1 - share) / trials):.1f}"


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """A Markdown table on standard output."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def rates(trials: int) -> None:
    """Wilson's interval of one rate."""
    generator = np.random.default_rng(SEED)
    rows = []
    for n in (10, 50, 541):
        for rate in (0.05, 0.5, 0.9):
            counts = generator.binomial(n, rate, trials)
            held = np.mean([(i := wilson(int(k), n)).low <= rate <= i.high for k in counts])
            rows.append([str(n), f"{rate:g}", shown(float(held), trials)])
    table("Rates (Wilson), coverage in %", ["items", "true rate", "covered"], rows)


def flips(trials: int) -> None:
    """Differences of two models that are right or wrong."""
    generator = np.random.default_rng(SEED + 1)
    rows = []
    for n in (30, 100, 300, 541):
        for up, down in ((0.02, 0.02), (0.05, 0.05), (0.1, 0.05), (0.2, 0.02), (0.15, 0.15)):
            draws = generator.multinomial(n, (up, down, 1 - up - down), trials)
            truth, held, adjusted, alone = up - down, 0, 0, 0
            for a, b, _ in draws:
                interval = flip_difference(int(a), int(b), n)
                held += interval.low <= truth <= interval.high
                adjusted += interval == paired_difference(int(a), int(b), n)
                spread = max(0.0, ((a + b) / n - ((a - b) / n) ** 2) / (n - 1))
                alone += abs((a - b) / n - truth) <= 1.96 * math.sqrt(spread)
            rows.append(
                [str(n), f"{up:g} / {down:g}", shown(held / trials, trials),
                 f"{100 * adjusted / trials:.0f}", shown(alone / trials, trials)]
            )  # fmt: skip
    table(
        "Paired differences of right and wrong, coverage in %",
        ["items", "flip up / down", "covered", "% of them Bonett–Price", "Student's alone"],
        rows,
    )


def scores_and_groups(trials: int) -> None:
    """Differences of scores, of items in groups, and mean scores."""
    generator = np.random.default_rng(SEED + 2)
    rows = []
    for n in (10, 20, 100):
        held = 0
        for _ in range(trials):
            a, b = generator.beta(4, 2, n), generator.beta(4.4, 2, n)
            i = paired(b - a).interval()
            held += i.low <= 4.4 / 6.4 - 4 / 6 <= i.high
        rows.append([f"scores, {n} items", shown(held / trials, trials), ""])
    for clusters in (8, 15, 40):
        held, ignored = 0, 0
        for _ in range(trials):
            # Items of a group share a chance to flip upwards; on average as many flip down.
            p = np.repeat(generator.beta(1, 4, clusters), 8)
            draw = generator.random(len(p))
            d = (draw < p).astype(float) - (draw > 0.8).astype(float)
            i, j = paired(d, np.repeat(np.arange(clusters), 8)).interval(), paired(d).interval()
            held += i.low <= 0 <= i.high
            ignored += j.low <= 0 <= j.high
        rows.append(
            [
                f"{clusters} groups of 8",
                shown(held / trials, trials),
                shown(ignored / trials, trials),
            ]
        )
    for n in (10, 40):
        held = 0
        for _ in range(trials):
            i = mean(generator.beta(8, 1, n))
            held += i.low <= 8 / 9 <= i.high
        rows.append([f"one model's mean score, {n} items", shown(held / trials, trials), ""])
    table("Scores and groups, coverage in %", ["what", "covered", "groups ignored"], rows)


def unlike_groups(trials: int) -> None:
    """Equal models on items in groups of unlike sizes."""
    generator = np.random.default_rng(SEED + 9)
    designs = {
        "40 of 15": [15] * 40,
        "2 of 300, 38 of 10": [300] * 2 + [10] * 38,
        "1 of 400, 24 of 10": [400] + [10] * 24,
        "5 of 30, 25 of 6": [30] * 5 + [6] * 25,
        "15 from 3 to 100": [3, 4, 5, 6, 8, 9, 10, 12, 15, 20, 25, 30, 40, 60, 100],
    }
    rows = []
    for name, sizes in designs.items():
        groups = np.repeat(np.arange(len(sizes)), sizes)
        alarms, passed, bare = 0, 0, 0
        count = max(200, trials // 2)
        for _ in range(count):
            p = np.repeat(generator.beta(1, 4, len(sizes)), sizes)
            draw = generator.random(len(p))
            d = (draw < p).astype(float) - (draw > 0.8).astype(float)
            found = paired(d, groups)
            alarms += found.interval().excludes_zero
            passed += found.interval(0.90).low > 0  # a gate whose candidate is just at the margin
            sums = np.bincount(groups, d - d.mean())
            g = len(sizes)
            error = math.sqrt(float(sums @ sums) * g / (g - 1)) / len(d)
            bare += abs(float(d.mean())) > stdtrit(g - 1, 0.975) * error
        rows.append(
            [name, shown(alarms / count, count), shown(passed / count, count),
             shown(bare / count, count)]
        )  # fmt: skip
    table(
        "Equal models, items in groups of unlike sizes: false alarms in %",
        ["groups", "interval excludes 0", "gate passes at its margin", "plain sandwich, G − 1"],
        rows,
    )


def gate_margin(trials: int) -> None:
    """How often a candidate that is worse by the whole margin passes."""
    generator = np.random.default_rng(SEED + 10)
    rows = []
    for n, margin, up in ((200, 0.02, 0.0), (400, 0.02, 0.0), (400, 0.02, 0.01),
                          (800, 0.05, 0.0), (1500, 0.02, 0.005), (3000, 0.02, 0.01)):  # fmt: skip
        draws = generator.multinomial(n, (up, up + margin, 1 - 2 * up - margin), trials)
        wrong, usual, fails = 0, 0, 0
        for a, b, _ in draws:
            bounds = flip_difference(int(a), int(b), n, level=0.90)
            score = score_interval(int(a), int(b), n, level=0.90)
            usual += bounds.low > -margin
            wrong += min(bounds.low, score.low) > -margin
            fails += max(bounds.high, score.high) < -margin
        rows.append(
            [str(n), f"{100 * margin:g}", f"{100 * (2 * up + margin):g} %",
             shown(wrong / trials, trials), shown(usual / trials, trials),
             shown(fails / trials, trials)]
        )  # fmt: skip
    table(
        "The gate, candidate worse by the whole margin, in %",
        ["items", "margin in points", "flips", "passes", "by the usual bounds alone", "fails"],
        rows,
    )


def families(trials: int) -> None:
    """Several equal models compared at once."""
    generator = np.random.default_rng(SEED + 3)
    rows = []
    for models, n in ((2, 200), (5, 200), (10, 200)):
        count = max(100, trials // (4 * models))
        alarms, bare, sure = 0, 0, 0
        for _ in range(count):
            easy = generator.beta(2, 1, n)
            scores = (generator.random((models, n)) < easy).astype(float)
            outcomes = Outcomes(
                "s", tuple(map(str, range(n))), tuple(map(str, range(models))),
                tuple(array("d", row) for row in scores),
            )  # fmt: skip
            found = compare_models([outcomes])
            alarms += found.any_real
            bare += any(pair.difference.excludes_zero for pair in found.pairs)
            sure += found.subjects[0].standings[0].p_best > 0.95
        rows.append(
            [str(models), str(n), shown(alarms / count, count), shown(bare / count, count),
             shown(sure / count, count)]
        )  # fmt: skip
    table(
        "Equal models: how often any is called different, in %",
        ["models", "items", "called real", "some 95 % interval excludes 0", "some P(best) > 95 %"],
        rows,
    )


def gates(trials: int) -> None:
    """What the gate says of a candidate whose truth is known."""
    generator = np.random.default_rng(SEED + 4)
    rows = []
    for n in (200, 1000, 3000):
        for truth in (0.0, -0.02, -0.06):
            counts = {"pass": 0, "fail": 0, "inconclusive": 0}
            up, down = 0.08, 0.08 - truth
            for _ in range(max(200, trials // 4)):
                draw = generator.random(n)
                new = (draw < up).astype(float)
                old = ((draw >= up) & (draw < up + down)).astype(float)
                outcomes = Outcomes("s", ("",) * n, ("n", "o"), (array("d", new), array("d", old)))
                counts[gate("n", "o", [outcomes], 0.02).outcome] += 1
            total = sum(counts.values())
            rows.append(
                [str(n), f"{100 * truth:+g}", *(shown(c / total, total) for c in counts.values())]
            )
    table(
        "The gate with a margin of 2 points, outcomes in %",
        ["items", "true difference in points", "pass", "fail", "inconclusive"],
        rows,
    )


def looks(trials: int) -> None:
    """Looking after every item."""
    generator = np.random.default_rng(SEED + 5)
    n = 541
    rows = []
    for up, down in ((0.08, 0.08), (0.02, 0.02), (60 / 541, 31 / 541), (0.2, 0.03)):
        bounded, naive, once = 0, 0, 0
        for _ in range(trials):
            draw = generator.random(n)
            d = (draw < up).astype(float) - (draw > 1 - down).astype(float)
            bounded += anytime_difference(d).excludes_zero
            seen = np.arange(1, n + 1)
            means = np.cumsum(d) / seen
            with np.errstate(divide="ignore", invalid="ignore"):
                z = np.abs(means) / np.sqrt((np.cumsum(d**2) / seen - means**2) / seen)
            once += bool(z[-1] > norm.ppf(0.975))
            naive += bool((z[19:] > norm.ppf(0.975)).any())
        rows.append(
            [
                f"{100 * (up - down):+.1f}",
                f"{100 * (up + down):.0f} %",
                shown(bounded / trials, trials),
                shown(naive / trials, trials),
                shown(once / trials, trials),
            ]
        )
    table(
        "Looks after each of 541 items: how often a difference is called, in %",
        [
            "true difference in points",
            "flips",
            "betting bounds",
            "naive peeking from item 20 on",
            "one look at the end",
        ],
        rows,
    )


def votes(trials: int) -> None:
    """Strengths from votes of which those on one input go together."""
    generator = np.random.default_rng(SEED + 6)
    names, truth = ("v", "w", "x", "y"), np.array([0.0, 0.3, 0.6, -0.4])
    pairs = [(i, j) for i in range(4) for j in range(i)]
    rows = []
    for prompts in (10, 30, 100):
        count = max(200, trials // 8)
        clustered, independent = 0, 0
        for _ in range(count):
            ballots = []
            for item in range(prompts):
                quirk = generator.normal(0, 1.0, 4)  # what suits whom on this input
                for i, j in pairs:
                    gap = truth[i] - truth[j] + quirk[i] - quirk[j]
                    winner: Winner = "a" if generator.random() < 1 / (1 + math.exp(-gap)) else "b"
                    ballots.append(Vote(str(item), names[i], names[j], winner))
            target = ELO * marginal(truth)
            alone = [Vote(str(k), v.a, v.b, v.winner) for k, v in enumerate(ballots)]
            for kind, found in (("c", bradley_terry(ballots)), ("i", bradley_terry(alone))):
                rating = next(one for one in found.ratings if one.model == "x")
                held = rating.elo.low <= target <= rating.elo.high
                clustered += held and kind == "c"
                independent += held and kind == "i"
        rows.append(
            [str(prompts), shown(clustered / count, count), shown(independent / count, count)]
        )
    table(
        "Bradley–Terry, 4 models, all 6 pairs on each input, coverage in %",
        ["inputs", "clustered by input", "votes taken for independent"],
        rows,
    )


def uneven_votes(trials: int) -> None:
    """Equal models, votes unevenly spread over inputs or mostly ties."""
    generator = np.random.default_rng(SEED + 11)
    rows = []
    for name, sizes, quirk, ties in (
        ("1 input of 60 votes, 24 of 2", [60] + [2] * 24, 1.0, 0.0),
        ("30 inputs of 2", [2] * 30, 1.0, 0.0),
        ("30 inputs of 1", [1] * 30, 0.0, 0.0),
        ("200 inputs of 1, 97 % ties", [1] * 200, 0.0, 0.97),
        ("200 inputs of 1, 80 % ties", [1] * 200, 0.0, 0.8),
    ):
        count, alarms = max(200, trials // 8), 0
        for _ in range(count):
            ballots = []
            for item, size in enumerate(sizes):
                chance = 1 / (1 + math.exp(-generator.normal(0, quirk)))
                for draw in generator.random(size):
                    winner: Winner = "a" if draw < chance else "b"
                    tied = generator.random() < ties
                    ballots.append(Vote(str(item), "x", "y", "tie" if tied else winner))
            alarms += bradley_terry(ballots).ratings[0].elo.excludes_zero
        rows.append([name, shown(alarms / count, count)])
    table("Bradley–Terry, equal models: false alarms in %", ["votes", "excludes 0"], rows)


_MARGINAL: list[float] = []


def marginal(truth: Floats) -> float:
    """The strength of x that so many votes would converge to, quirks averaged out."""
    if not _MARGINAL:
        generator = np.random.default_rng(1)
        quirks = generator.normal(0, 1.0, (400_000, 4))
        wins = np.zeros((4, 4))
        for i in range(4):
            for j in range(4):
                gap = truth[i] - truth[j] + quirks[:, i] - quirks[:, j]
                wins[i, j] = (1 / (1 + np.exp(-gap))).mean()
        beta = np.zeros(4)
        for _ in range(200):  # the fit to expected votes
            chance = 1 / (1 + np.exp(beta[None, :] - beta[:, None]))
            beta += 0.5 * (wins - chance).sum(axis=1)
        _MARGINAL.append(float(beta[2] - beta.mean()))
    return _MARGINAL[0]


def correlations(trials: int) -> None:
    """Rank correlations of normal pairs."""
    generator = np.random.default_rng(SEED + 7)
    rows = []
    for n in (8, 15, 30):
        for rho in (0.0, 0.5, 0.8):
            truth = 6 / math.pi * math.asin(rho / 2)
            held = 0
            for _ in range(trials):
                x = generator.normal(size=n)
                y = rho * x + math.sqrt(1 - rho**2) * generator.normal(size=n)
                i = spearman_interval(spearman(x, y), n)
                held += i is not None and i.low <= truth <= i.high
            rows.append([str(n), f"{truth:.2f}", shown(held / trials, trials)])
    table("Spearman (Fisher's z), coverage in %", ["models", "true value", "covered"], rows)


def blurred(trials: int) -> None:
    """Rank correlation with utilities that are accuracies on few items."""
    generator = np.random.default_rng(SEED + 12)
    rows = []
    for n, items, rho, spread in ((20, 100, 0.9, 0.05), (20, 100, 0.5, 0.05),
                                  (20, 100, 0.0, 0.05), (40, 300, 0.7, 0.05),
                                  (20, 1000, 0.9, 0.05)):  # fmt: skip
        truth, alone, held, count = 6 / math.pi * math.asin(rho / 2), 0, 0, max(100, trials // 20)
        for _ in range(count):
            x = generator.normal(size=n)
            y = 0.6 + spread * (rho * x + math.sqrt(1 - rho**2) * generator.normal(size=n))
            hard = generator.normal(size=(items, 1))
            right = generator.random((items, n)) < norm.cdf(norm.ppf(y) * math.sqrt(2) + hard)
            scores = right.astype(float)
            names = tuple(f"m{index}" for index in range(n))
            utilities = Utilities(
                names, tuple(map(float, scores.mean(axis=0))), mean_draws(scores, draws=600)
            )
            pairs = list(zip(names, map(float, x), strict=True))
            found = correlate("board", pairs, utilities).spearman
            inner, outer = found.interval, found.with_items
            alone += inner is not None and inner.low <= truth <= inner.high
            held += outer is not None and outer.low <= truth <= outer.high
        rows.append(
            [str(n), str(items), f"{truth:.2f}", shown(held / count, count),
             shown(alone / count, count)]
        )  # fmt: skip
    table(
        "Spearman with true utilities of which only items are seen, coverage in %",
        ["models", "items", "true value", "noise of the items allowed for", "not allowed for"],
        rows,
    )


def speed(_: int) -> None:
    """How long a comparison takes, the start of Python included."""
    generator = np.random.default_rng(SEED + 8)
    models, n = 10, 5000
    easy = generator.beta(2, 1, n)
    scores = (generator.random((models, n)) < easy).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["item", *(f"m{i}" for i in range(models))])
            writer.writerows([f"q{i}", *scores[:, i].tolist()] for i in range(n))
        weigh = [sys.executable, "-m", "weighbridge.cli", "compare", "--table", str(path)]
        walls, cpu = [], []
        for _ in range(7):
            start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([*weigh, "--json"], capture_output=True, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            walls.append(time.perf_counter() - start)
            cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    walls.sort()
    cpu.sort()
    table(
        "weigh compare, 10 models × 5,000 items, whole process, 7 runs",
        ["median s", "min", "max", "CPU s, median", "asked for"],
        [[f"{walls[3]:.2f}", f"{walls[0]:.2f}", f"{walls[-1]:.2f}", f"{cpu[3]:.2f}", "< 3"]],
    )


PARTS: dict[str, Callable[[int], None]] = {
    "rates": rates, "flips": flips, "scores": scores_and_groups, "families": families,
    "gates": gates, "looks": looks, "votes": votes, "correlations": correlations,
    "groups": unlike_groups, "margin": gate_margin, "uneven": uneven_votes, "blurred": blurred,
    "speed": speed,
}  # fmt: skip


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which simulations to run")
    options = parser.parse_args()
    for name in options.parts or PARTS:
        PARTS[name](options.trials)


if __name__ == "__main__":
    main()
