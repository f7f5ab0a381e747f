"""When a route applies: each part of a condition as a test on one request, with words for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from weighbridge.core.gateway import Asked, Grant, ModelView
from weighbridge.core.routing import Condition
from weighbridge.core.units import parse_seconds
from weighbridge.serve.routing.language import language
from weighbridge.serve.routing.learned import Learned, LearnedRoute
from weighbridge.serve.routing.tasks import Tasks

LEARNED: Final = "learned"
"""What ``use`` says for the learned route's choice."""

_UNREAD: Final = object()


class Moment:
    """A request and the state of the models when it came; what costs time is read only once."""

    __slots__ = ("_language", "_learned", "_route", "_task", "_tasks", "asked", "grant", "views")

    def __init__(
        self,
        asked: Asked,
        grant: Grant,
        views: Mapping[str, ModelView],
        tasks: Tasks | None,
        route: LearnedRoute | None,
    ) -> None:
        self.asked = asked
        self.grant = grant
        self.views = views
        self._tasks = tasks
        self._route = route
        self._task: object = _UNREAD
        self._language: object = _UNREAD
        self._learned: Learned | None = None

    @property
    def task(self) -> str | None:
        """By keywords; where these tell nothing, by the learned route."""
        if self._task is _UNREAD:
            found = self._tasks.recognise(self.asked.message) if self._tasks else None
            learned = self.learned if found is None else None
            self._task = learned.task if learned is not None else found
        return self._task  # type: ignore[return-value]

    @property
    def language(self) -> str | None:
        """Of the last user message."""
        if self._language is _UNREAD:
            self._language = language(self.asked.message)
        return self._language  # type: ignore[return-value]

    @property
    def learned(self) -> Learned | None:
        """What the learned route says, if there is one."""
        if self._learned is None and self._route is not None:
            self._learned = self._route.choose(self.asked.message)
        return self._learned

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case; the first where there are several."""
        wanted = name.encode()
        for key, value in self.asked.headers:
            if key == wanted:
                return value.decode("latin-1")
        return None

    def view(self, use: tuple[str, ...]) -> ModelView | None:
        """How the first model of a route does."""
        first = use[0]
        if first == LEARNED:
            if self.learned is None:
                return None
            first = self.learned.tied[0]
        return self.views.get(first)


@dataclass(frozen=True, slots=True)
class Test:
    """One part of a condition.

    Attributes:
        words: what has to hold.
        holds: whether it does.
        seen: what is the case instead, for explanations.
    """

    words: str
    holds: Callable[[Moment], bool]
    seen: Callable[[Moment], str]


def tests(when: Condition, use: tuple[str, ...]) -> tuple[Test, ...]:
    """All that has to hold, what is cheap to look at first."""
    return (*_of_request(when), *_of_client(when), *_of_models(when, use), *_of_text(when))


def _of_request(when: Condition) -> list[Test]:
    found = []
    if (model := when.model) is not None:
        found.append(
            Test(f"asked for {model}", lambda m: m.asked.model == model, lambda m: m.asked.model)
        )
    if (path := when.path) is not None:
        found.append(Test(f"path {path}", lambda m: m.asked.path == path, lambda m: m.asked.path))
    if (least := when.min_prompt_tokens) is not None:
        text = f"prompt of {least:,} tokens or more"
        found.append(Test(text, lambda m: m.asked.prompt_tokens >= least, _tokens))
    if (most := when.max_prompt_tokens) is not None:
        text = f"prompt of {most:,} tokens or fewer"
        found.append(Test(text, lambda m: m.asked.prompt_tokens <= most, _tokens))
    for noun, wanted, read in (
        ("tools", when.tools, lambda m: m.asked.tools),
        ("a JSON schema", when.json_schema, lambda m: m.asked.json_schema),
        ("images", when.images, lambda m: m.asked.images),
    ):
        if wanted is not None:
            found.append(_flag(noun, wanted=wanted, read=read))
    return found


def _flag(noun: str, *, wanted: bool, read: Callable[[Moment], bool]) -> Test:
    return Test(
        f"with {noun}" if wanted else f"without {noun}",
        lambda m: read(m) is wanted,
        lambda m: f"with {noun}" if read(m) else f"without {noun}",
    )


def _tokens(moment: Moment) -> str:
    return f"about {moment.asked.prompt_tokens:,} tokens"


def _of_client(when: Condition) -> list[Test]:
    found = []
    if (tier := when.tier) is not None:
        found.append(
            Test(
                f"tier {tier}",
                lambda m: m.grant.tier == tier,
                lambda m: f"tier {m.grant.tier}" if m.grant.tier else "the key has no tier",
            )
        )
    for name, value in when.header.items():
        found.append(_header(name.casefold(), value))
    if when.max_deadline is not None:
        limit = parse_seconds(when.max_deadline)
        found.append(
            Test(
                f"deadline within {limit:g} s",
                lambda m: m.asked.deadline_s is not None and m.asked.deadline_s <= limit,
                lambda m: (
                    "no deadline" if m.asked.deadline_s is None else f"{m.asked.deadline_s:g} s"
                ),
            )
        )
    return found


def _header(name: str, value: str) -> Test:
    return Test(
        f"header {name}: {value}",
        lambda m: m.header(name) == value,
        lambda m: "no such header" if m.header(name) is None else "another value",
    )


def _of_models(when: Condition, use: tuple[str, ...]) -> list[Test]:
    """What is not known of a model keeps no request from it: it would never become known."""
    found = []
    if (warm := when.warm) is not None:
        found.append(
            Test(
                f"{use[0]} is {'' if warm else 'not '}ready",
                lambda m: (_state(m, use) == "ready") is warm,
                lambda m: f"it is {_state(m, use)}",
            )
        )
    if (most := when.max_queue) is not None:
        found.append(
            Test(
                f"at most {most:,} waiting for {use[0]}",
                lambda m: _queued(m, use) <= most,
                lambda m: f"{_queued(m, use):,} wait",
            )
        )
    if when.max_ttft is not None:
        limit = parse_seconds(when.max_ttft)
        found.append(
            Test(
                f"{use[0]} begins its answers within {limit:g} s",
                lambda m: _ttft(m, use) <= limit,
                lambda m: f"lately {_ttft(m, use):.3g} s",
            )
        )
    return found


def _state(moment: Moment, use: tuple[str, ...]) -> str:
    view = moment.view(use)
    return "unknown" if view is None else view.state


def _queued(moment: Moment, use: tuple[str, ...]) -> int:
    view = moment.view(use)
    return 0 if view is None else view.queued


def _ttft(moment: Moment, use: tuple[str, ...]) -> float:
    view = moment.view(use)
    return 0.0 if view is None or view.ttft_s is None else view.ttft_s


def _of_text(when: Condition) -> list[Test]:
    found = []
    if (code := when.language) is not None:
        found.append(
            Test(
                f"language {code}",
                lambda m: m.language == code,
                lambda m: m.language or "language unknown",
            )
        )
    if (task := when.task) is not None:
        found.append(
            Test(
                f"task {task}",
                lambda m: m.task == task,
                lambda m: f"task {m.task}" if m.task else "no task recognised",
            )
        )
    return found
