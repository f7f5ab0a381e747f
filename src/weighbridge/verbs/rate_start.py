"""``weigh rate start``, ``judge`` and ``status``: answers made, raters invited, a model's votes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from weighbridge.core.ballots import Ballot
from weighbridge.core.counting import counted
from weighbridge.core.effects import Clock, Progress
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import InputError
from weighbridge.core.http import HttpClient, Timeouts
from weighbridge.core.rating_session import Rater, RatingAnswer, RatingInfo, RatingInput
from weighbridge.core.runs import content_hash
from weighbridge.measure.evals.asking import EvalTarget
from weighbridge.measure.ratings.answering import Sampling, answer_all
from weighbridge.measure.ratings.inputs import read_inputs
from weighbridge.measure.ratings.judging import Judged, ToJudge, judge_all
from weighbridge.measure.ratings.selection import Field, sides
from weighbridge.measure.ratings.tidy import names_itself, only_thinks, tidy
from weighbridge.verbs.rate import Power, now, power_of
from weighbridge.verbs.rate_desk import field_of
from weighbridge.verbs.rate_results import own_judge, unfinished
from weighbridge.workspace.ballots import Ratings, new_rating_id


@dataclass(frozen=True, slots=True)
class StartSettings:
    """How a rating begins.

    Attributes:
        raters: names of who rates; each gets a link.
        ballots: asked of each rater; by default one per input.
        seed: of sides and order; by default nobody knows it.
        sampling: how models are asked.
        concurrency: questions asked at once, per model.
        timeout_s: longest silence of a server.
    """

    raters: tuple[str, ...] = ("rater",)
    ballots: int | None = None
    seed: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    concurrency: int = 4
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Started:
    """A rating that can be rated.

    Attributes:
        info: the rating.
        raters: who rates, with links' secrets.
        power: what its ballots on a pair of models can show.
        pairs: of models whose answers differ.
        answers: that are there.
        notes: what to know before rating.
        resumed: whether it was begun before.
    """

    info: RatingInfo
    raters: tuple[Rater, ...]
    power: Power
    pairs: int
    answers: int
    notes: tuple[str, ...]
    resumed: bool


def endpoints_of(models: str, url: str | None, key: str | None) -> dict[str, Endpoint]:
    """The endpoints that ``A,B`` at one address, or ``A=URL,B=URL``, means.

    Raises:
        InputError: there are fewer than two, one is named twice, or one has no address.
    """
    found: dict[str, Endpoint] = {}
    for word in (part.strip() for part in models.split(",")):
        name, equals, own = word.partition("=")
        address = own if equals else url
        if not name or not address:
            raise InputError(
                f"There is no address for {name!r}.",
                fix="Give --url for all, or write NAME=URL,NAME=URL.",
            )
        if name in found:
            raise InputError(f"{name} is named twice.", fix="Name every model once.")
        found[name] = endpoint_at(address, name, key)
    if len(found) < 2:
        raise InputError("It takes two models to compare.", fix="Write for example --models A,B.")
    return found


async def start(
    root: Path,
    client: HttpClient,
    clock: Clock,
    source: Path,
    endpoints: Mapping[str, Endpoint],
    *,
    settings: StartSettings,
    progress: Progress,
) -> Started:
    """Have every model answer every input, or what an interruption left, and invite the raters.

    Raises:
        InputError: the inputs cannot be read.
        EndpointError: a model fails every input it is given first.
    """
    _require_names(settings.raters)
    inputs = read_inputs(source)
    info, is_old = _opened(root, source, inputs, endpoints, settings)
    ratings = Ratings(root)
    kept = [one for one in ratings.answers(info.id) if not one.error]
    done = {(one.item, one.model, one.asked) for one in kept}
    progress.stage("Answers", len(inputs) * len(endpoints))
    progress.advance(len(done))

    def keep(answer: RatingAnswer) -> None:
        ratings.add_answer(info.id, answer)
        progress.advance()

    timeouts = Timeouts(first_byte=settings.timeout_s, between_bytes=settings.timeout_s)
    targets = {
        model: EvalTarget(endpoint, settings.concurrency, timeouts)
        for model, endpoint in endpoints.items()
    }
    await answer_all(client, clock, targets, inputs, settings.sampling, done=done, keep=keep)
    return _ready(ratings, info, settings.raters, is_old=is_old)


def _require_names(raters: Sequence[str]) -> None:
    """Refuse a rater whose votes would count as nobody's."""
    if not all(name.strip() for name in raters):
        raise InputError("A rater needs a name.", fix="Write for example Ada.")


def _opened(
    root: Path,
    source: Path,
    inputs: Sequence[RatingInput],
    endpoints: Mapping[str, Endpoint],
    settings: StartSettings,
) -> tuple[RatingInfo, bool]:
    """The rating of these very inputs and models that is open, or a new one."""
    asked = [str(one) for one in inputs]
    where = [(model, str(endpoint.base)) for model, endpoint in endpoints.items()]
    key = content_hash("rating", asked, where, str(settings.sampling))
    ratings = Ratings(root)
    for info in ratings.all():
        if info.key == key and not info.closed:
            return _resumed(ratings, info, settings), True
    info = RatingInfo(
        new_rating_id(),
        now(),
        "blind",
        str(source),
        tuple(endpoints),
        len(inputs),
        seed=secrets.randbits(63) if settings.seed is None else settings.seed,
        target=settings.ballots or len(inputs),
        key=key,
    )
    ratings.create(info, inputs)
    return info, False


def _resumed(ratings: Ratings, info: RatingInfo, settings: StartSettings) -> RatingInfo:
    """The open rating with the ballots that are asked for now.

    Raises:
        InputError: another seed is asked for than the one by which sides were drawn.
    """
    if settings.seed not in (None, info.seed):
        raise InputError(
            f"{info.id} of these inputs and models is open, and has another seed.",
            fix="Leave out --seed to go on with it, or end it first with `weigh rate close`.",
        )
    if settings.ballots in (None, info.target):
        return info
    return ratings.keep(replace(info, target=settings.ballots or info.target))


def _ready(ratings: Ratings, info: RatingInfo, names: Sequence[str], *, is_old: bool) -> Started:
    known = {rater.name: rater for rater in ratings.raters(info.id)}
    raters = tuple(
        known.get(name) or ratings.add_rater(info.id, name) for name in dict.fromkeys(names)
    )
    compared = field_of(ratings, info)
    answers = ratings.answers(info.id)
    pairs = len({pair for open_pairs in compared.comparable.values() for pair in open_pairs})
    per_pair = _comparisons(compared, len({*known, *names})) // max(1, pairs)
    return Started(
        info,
        raters,
        power_of(per_pair, pairs),
        pairs,
        sum(not one.error for one in answers),
        _notes(answers, compared, info),
        is_old,
    )


def _comparisons(compared: Field, raters: int) -> int:
    """How many comparisons raters come to at most: what several of them judge counts once."""
    each = min(compared.target, compared.most)
    shared = min(each, len(compared.shared))
    return min(compared.most, shared + raters * (each - shared))


def _notes(answers: Sequence[RatingAnswer], compared: Field, info: RatingInfo) -> tuple[str, ...]:
    notes = []
    failed = [one for one in answers if one.error]
    if failed:
        notes.append(
            f"{counted(len(failed), 'answer')} failed, the first with: {failed[0].error} Their "
            "comparisons are left out; the same command asks again."
        )
    thinking = unfinished([one.model for one in answers if only_thinks(one.text)])
    if thinking:
        notes.append(thinking)
    same = sum(compared.alike.values())
    if same:
        notes.append(
            f"{counted(same, 'pair')} of answers {'is' if same == 1 else 'are'} word for word the "
            "same: nobody is asked, and the results say so."
        )
    telling = [one for one in answers if names_itself(tidy(one.text), one.model)]
    if telling:
        notes.append(
            f"{counted(len(telling), 'answer')} with a word of the model's own name, the first to "
            f"the input {telling[0].item}: there raters may know the model."
        )
    cut = sum(one.finish == "length" for one in answers)
    if cut:
        told = f"{counted(cut, 'answer')} {'was' if cut == 1 else 'were'} cut"
        notes.append(f"{told} at the longest length that was asked for.")
    if compared.most < len(info.models):
        notes.append("There is hardly anything to compare.")
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class JudgedAll:
    """What a judge was asked.

    Attributes:
        info: the rating.
        judge: the judging model.
        judged: comparisons that were judged now.
        missing: of them without a verdict.
        notes: what to know before believing it.
    """

    info: RatingInfo
    judge: str
    judged: int
    missing: int
    notes: tuple[str, ...]


async def judge(
    root: Path,
    client: HttpClient,
    clock: Clock,
    name: str | None,
    endpoint: Endpoint,
    *,
    only_rated: bool,
    concurrency: int,
    max_tokens: int,
    progress: Progress,
) -> JudgedAll:
    """Let a model vote, in both orders, on what it has not judged yet.

    Args:
        root: the workspace's folder.
        client: sends the requests.
        clock: tells how long answers take.
        name: of the rating; None for the newest.
        endpoint: of the judge.
        only_rated: whether only what people have judged is judged.
        concurrency: comparisons judged at once.
        max_tokens: longest judgement.
        progress: where it says how far it is.

    Raises:
        InputError: the rating has no answers.
        EndpointError: the judge does not answer.
    """
    ratings = Ratings(root)
    info = ratings.find(name)
    work = _to_judge(ratings, info, endpoint.model, only_rated=only_rated)
    tasks = {one.id: one for one in ratings.inputs(info.id)}
    missing = 0
    progress.stage(f"Judged by {endpoint.model}", len(work))

    def keep(one: Judged) -> None:
        nonlocal missing
        progress.advance()
        if one.unreadable:
            missing += 1  # no verdict is no vote, and no tie either
            return
        asked = tasks[one.pairing.item]
        ballot = Ballot(
            one.pairing.item, endpoint.model, one.pairing.a, one.pairing.b, one.winner,
            task=asked.task, group=asked.group, judge=True, inconsistent=one.inconsistent,
            time=now(),
        )  # fmt: skip
        ratings.add_ballot(info.id, ballot)

    timeouts = Timeouts(first_byte=300.0, between_bytes=300.0)
    target = EvalTarget(endpoint, concurrency, timeouts)
    await judge_all(client, clock, target, work, max_tokens=max_tokens, keep=keep)
    notes = (own_judge(endpoint.model),) if endpoint.model in info.models else ()
    return JudgedAll(info, endpoint.model, len(work), missing, notes)


def _to_judge(
    ratings: Ratings, info: RatingInfo, judge_name: str, *, only_rated: bool
) -> list[ToJudge]:
    if info.origin != "blind":
        raise InputError(
            f"{info.id} has votes and no answers.", fix="Start a rating with `weigh rate start`."
        )
    compared = field_of(ratings, info)
    ballots = ratings.ballots(info.id)
    done = {
        (one.item, min(one.a, one.b), max(one.a, one.b))
        for one in ballots
        if one.judge and one.rater == judge_name
    }
    rated = {(one.item, min(one.a, one.b), max(one.a, one.b)) for one in ballots if not one.judge}
    asked = {one.id: one for one in ratings.inputs(info.id)}
    found = []
    for item in compared.items:
        for pair in compared.comparable[item]:
            if (item, *pair) in done or (only_rated and (item, *pair) not in rated):
                continue
            pairing = sides(compared, judge_name, item, pair)
            first, second = (compared.texts[item, model] for model in (pairing.a, pairing.b))
            found.append(ToJudge(pairing, _question(asked[item]), first, second))
    return found


def _question(one: RatingInput) -> str:
    """An input as the judge reads it: with the conversation before it."""
    if not one.before:
        return tidy(one.prompt)
    said = [f"{turn.role}: {turn.text}" for turn in one.before]
    return tidy("\n\n".join((*said, f"user: {one.prompt}")))


@dataclass(frozen=True, slots=True)
class Status:
    """How far a rating is: each rater's ballots, and of how many."""

    info: RatingInfo
    raters: tuple[tuple[Rater, int], ...]
    total: int
    judged: Mapping[str, int]


def status(root: Path, name: str | None = None) -> Status:
    """How far a rating is; the newest where none is named."""
    ratings = Ratings(root)
    info = ratings.find(name)
    ballots = ratings.ballots(info.id)
    compared = field_of(ratings, info)
    raters = ratings.raters(info.id)
    if info.origin == "import":
        raters = [Rater(one, "") for one in dict.fromkeys(b.rater for b in ballots if not b.judge)]
    counts = [(one, sum(b.rater == one.name and not b.judge for b in ballots)) for one in raters]
    judges = dict.fromkeys(one.rater for one in ballots if one.judge)
    judged = {judge: sum(one.judge and one.rater == judge for one in ballots) for judge in judges}
    total = 0 if info.origin == "import" else min(compared.target, compared.most)
    return Status(info, tuple(counts), total, judged)


def invite(root: Path, name: str | None, rater: str) -> tuple[RatingInfo, Rater]:
    """A further rater's link, or the one that this rater has.

    Raises:
        InputError: the rating takes no votes, or the rater has no name.
    """
    _require_names([rater])
    ratings = Ratings(root)
    info = ratings.find(name)
    if info.closed:
        raise InputError(f"{info.id} is closed.", fix="Start another with `weigh rate start`.")
    known = {one.name: one for one in ratings.raters(info.id)}
    return info, known.get(rater) or ratings.add_rater(info.id, rater)


def close(root: Path, name: str | None) -> RatingInfo:
    """End a rating: no vote is taken any more, and raters may see the results."""
    ratings = Ratings(root)
    info = ratings.find(name)
    return info if info.closed else ratings.close(info, now())
