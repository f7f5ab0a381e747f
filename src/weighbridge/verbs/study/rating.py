"""The stage in which people and judges say which answers are better, blind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import InputError
from weighbridge.core.runs import content_hash
from weighbridge.core.study import Unit
from weighbridge.core.study_file import JudgePart, RatersPart
from weighbridge.core.units import plural
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.constraining import judge_kept_from, kept_from, not_asked
from weighbridge.verbs.study.identity import setup_of
from weighbridge.verbs.study.jobs import Job, Left, Means, Settled
from weighbridge.verbs.study.measuring import inputs_digest

_ANSWERS, _PEOPLE, _JUDGE = "answers", "people", "judge"
_PAIR = 2
_JUDGEMENT_TOKENS = 1024
_JUDGED_AT_ONCE = 4


def rate_jobs(asked: Asked, settled: Settled) -> Iterator[Job | Unit]:
    """Votes from a file; or answers, people's ballots on them, and a judge's.

    Who may not see a prompt is not asked, and a judge elsewhere sees no answer.
    """
    raters = asked.file.raters
    if raters is None:
        return
    if raters.votes is not None:
        yield _votes_job(asked.file_of(raters.votes))
        return
    kept = kept_from(asked)
    models = tuple(name for name in raters.models or tuple(asked.entries) if name not in kept)
    if len(models) < _PAIR:
        removed = [kept[name] for name in raters.models or asked.entries if name in kept]
        yield not_asked("rate", _ANSWERS, removed[0])
        return
    yield _answers_job(asked, raters, models)
    # The answers are of this very stage: their unit is settled by the time it is asked for.
    if raters.people:
        yield _people_job(raters, settled)
    if raters.judge is not None and (why := judge_kept_from(asked, raters.judge)):
        yield Unit("rate", _JUDGE, "", "not asked", why=why)
    elif raters.judge is not None:
        yield _judge_job(asked, raters.judge, settled)


def _votes_job(path: Path) -> Job:
    async def do(means: Means) -> Left:
        from weighbridge.verbs.rate import import_votes  # noqa: PLC0415 -- numpy

        return Left((import_votes(means.effects.root, path).info.id,))

    return Job("rate", "votes", content_hash("votes", inputs_digest(path)), do)


def _answers_job(asked: Asked, raters: RatersPart, models: tuple[str, ...]) -> Job:
    source = asked.file_of(raters.inputs or "")
    setups = [(name, setup_of(asked.entries[name])) for name in models]
    key = content_hash(
        "answers", inputs_digest(source), setups, asked.file.seed, raters.people, raters.ballots
    )

    async def do(means: Means) -> Left:
        from weighbridge.verbs.rate_start import StartSettings, start  # noqa: PLC0415 -- numpy

        effects = means.effects
        endpoints = {name: await means.engines.endpoint(name) for name in models}
        settings = StartSettings(raters.people, raters.ballots, asked.file.seed)
        begun = await start(
            effects.root, effects.client, effects.clock, source, endpoints,
            settings=settings, progress=effects.progress,
        )  # fmt: skip
        return Left((begun.info.id,))

    return Job("rate", _ANSWERS, key, do)


def _people_job(raters: RatersPart, settled: Settled) -> Job:
    rating = settled.run_of("rate", _ANSWERS)

    async def do(means: Means) -> Left:
        from weighbridge.verbs.rate_start import status  # noqa: PLC0415 -- numpy

        found = status(means.effects.root, rating)
        missing = {
            rater.name: found.total - done for rater, done in found.raters if done < found.total
        }
        if not missing or found.info.closed:
            return Left((found.info.id,))
        who = ", ".join(f"{name} ({plural(count, 'ballot')})" for name, count in missing.items())
        return Left(
            (found.info.id,),
            f"Votes are missing of {who}: `weigh rate status {found.info.id}` says how to go on.",
        )

    key = "" if rating is None else content_hash("people", rating, raters.people)
    return Job("rate", _PEOPLE, key, do)


def _judge_job(asked: Asked, judge: str | JudgePart, settled: Settled) -> Job:
    rating = settled.run_of("rate", _ANSWERS)
    who = setup_of(asked.entries[judge]) if isinstance(judge, str) else (judge.url, judge.model)

    async def do(means: Means) -> Left:
        from weighbridge.verbs.rate_start import judge as judge_verb  # noqa: PLC0415 -- numpy

        effects = means.effects
        await judge_verb(
            effects.root, effects.client, effects.clock, rating,
            await _judge_at(judge, means),
            only_rated=False, concurrency=_JUDGED_AT_ONCE, max_tokens=_JUDGEMENT_TOKENS,
            progress=effects.progress,
        )  # fmt: skip
        return Left((rating or "",))

    return Job("rate", _JUDGE, "" if rating is None else content_hash("judge", rating, who), do)


async def _judge_at(judge: str | JudgePart, means: Means) -> Endpoint:
    if isinstance(judge, str):
        return await means.engines.endpoint(judge)
    key = None
    if judge.key_env is not None:
        key = means.effects.environment.get(judge.key_env, "").strip()
        if not key:
            raise InputError(
                f"The environment variable {judge.key_env} of the judge is not set.",
                fix="Put the judge's key there.",
            )
    return endpoint_at(judge.url, judge.model, key)
