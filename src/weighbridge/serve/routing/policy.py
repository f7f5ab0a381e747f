"""Which models may answer a request, in which order. Pure: a request's facts in, names out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.gateway import Asked, Choice, Grant, ModelView
from weighbridge.core.routing import AUTO, Condition, Preference, Route, RouterConfig
from weighbridge.serve.routing.conditions import LEARNED, Moment, Test, tests
from weighbridge.serve.routing.learned import LearnedRoute
from weighbridge.serve.routing.order import (
    Card,
    able,
    cards,
    failing_last,
    fitting,
    preferred,
    with_fallbacks,
)
from weighbridge.serve.routing.tasks import Tasks, classify

__all__ = ["Explanation", "Reason", "RoutePolicy", "RouteVerdict", "choose", "classify"]

_LONGEST_NAME: Final = 80  # of an unknown model, in logs


@dataclass(frozen=True, slots=True)
class Reason:
    """One part of a route's condition on one request: what is asked, whether it holds, what is."""

    asked: str
    holds: bool
    seen: str


@dataclass(frozen=True, slots=True)
class RouteVerdict:
    """What one route says of one request.

    Attributes:
        route: counted from 0.
        applies: whether all of its condition holds.
        decides: whether it is the one that decides.
        use: the models it would use, in order; empty where the key may use none of them.
        reasons: each part of its condition.
        note: what else is to be known, or nothing.
    """

    route: int
    applies: bool
    decides: bool
    use: tuple[str, ...]
    reasons: tuple[Reason, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and all that led to it."""

    choice: Choice
    task: str | None
    language: str | None
    routes: tuple[RouteVerdict, ...]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A route, worked out once; ``whole`` is its order with fallbacks where that never varies."""

    number: int
    route: Route
    use: tuple[str, ...]
    tests: tuple[Test, ...]
    why: str
    whole: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _Named:
    choice: Choice
    varies: bool


class RoutePolicy:
    """The gateway's :class:`~weighbridge.serve.seams.Policy`, compiled from its configuration."""

    def __init__(self, config: RouterConfig, learned: LearnedRoute | None = None) -> None:
        """Compile; ``learned`` is what ``signals.learned`` names, where that is set."""
        self._tasks = Tasks(config.signals) if config.signals.task else None
        self._learned = learned
        self._cards = cards(config)
        self._reads_tasks = bool(config.signals.task) or learned is not None
        own = {alias: name for name, entry in config.models.items() for alias in entry.aliases}
        own |= {name: name for name in (*config.models, LEARNED)}
        self._routes = tuple(
            _compiled(number, route, own, self._cards) for number, route in enumerate(config.routes)
        )
        self._routed = {AUTO} | {route.when.model for route in config.routes if route.when.model}
        self._named = self._names(config)

    def decide(self, asked: Asked, grant: Grant, models: Mapping[str, ModelView]) -> Choice:
        """The models to try, fallbacks included, and why."""
        named = self._named.get(asked.model)
        if named is not None:
            if not named.varies and grant.models is None:
                return named.choice
            return self._by_name(named, asked, grant, models)
        if asked.model not in self._routed:
            return Choice((), None, f"no model {asked.model[:_LONGEST_NAME]}")
        moment = Moment(asked, grant, models, self._tasks, self._learned)
        barred = False
        for route in self._routes:
            for test in route.tests:
                if not test.holds(moment):
                    break
            else:
                use = self._use(route, moment)
                if use:
                    task = moment.task if self._reads_tasks else None
                    return Choice(use, task, self._reason(route, moment), route.number)
                barred = barred or (grant.models is not None and bool(route.use))
        why = "the key may use no model of the routes that apply" if barred else "no route applies"
        task = moment.task if self._reads_tasks else None
        return Choice((), task, why, barred=barred)

    def roomier(self, model: str) -> Sequence[str]:
        """What to ask instead where a prompt turns out to be too long for the model."""
        card = self._cards.get(model)
        return () if card is None else card.roomier

    def explain(self, asked: Asked, grant: Grant, models: Mapping[str, ModelView]) -> Explanation:
        """The decision with what every route says of the request."""
        choice = self.decide(asked, grant, models)
        moment = Moment(asked, grant, models, self._tasks, self._learned)
        verdicts = tuple(self._verdict(route, moment, choice) for route in self._routes)
        return Explanation(choice, moment.task, moment.language, verdicts)

    def _names(self, config: RouterConfig) -> dict[str, _Named]:
        """The decision for every name and alias of a model."""
        named: dict[str, _Named] = {}
        for name, entry in config.models.items():
            card = self._cards[name]
            use = with_fallbacks((name,), self._cards)
            varies = len(use) > 1 or (card.context is not None and bool(card.roomier))
            named[name] = _Named(Choice(use, None, f"model {name} by name"), varies)
            for alias in entry.aliases:
                if alias not in config.models:
                    why = f"model {name} by its alias {alias}"
                    named.setdefault(alias, _Named(Choice(use, None, why), varies))
        return named

    def _by_name(
        self, named: _Named, asked: Asked, grant: Grant, models: Mapping[str, ModelView]
    ) -> Choice:
        """A model by its name: what was asked for comes first, unless it is too small or fails."""
        whole = named.choice
        # A fallback must not reach a model by which its key could not ask for the first one.
        if grant.models is not None and whole.use[0] not in grant.models:
            return Choice((), None, f"the key may not use {whole.use[0]}", barred=True)
        use = self._ordered(whole.use, asked, grant, models)
        return whole if use == whole.use else Choice(use, None, whole.why)

    def _use(self, route: _Compiled, moment: Moment) -> tuple[str, ...]:
        """The models of a route for this request, in order."""
        asked, views = moment.asked, moment.views
        names = route.whole
        if names is None:
            names = with_fallbacks(self._listed(route, moment), self._cards)
        return self._ordered(able(names, asked, self._cards), asked, moment.grant, views)

    def _listed(self, route: _Compiled, moment: Moment) -> Sequence[str]:
        """``use`` with the learned route's models in its place, by preference among equals."""
        prefer: Preference = route.route.prefer
        asked, views = moment.asked, moment.views
        if LEARNED not in route.use:
            return preferred(route.use, prefer, asked, views, self._cards)
        learned = moment.learned
        found: list[str] = []
        for name in route.use:
            if name != LEARNED:
                found.append(name)
            elif learned is not None:
                tied = [one for one in learned.tied if one in self._cards]
                found += preferred(tied, prefer, asked, views, self._cards)
                found += [one for one in learned.then if one in self._cards]
        return list(dict.fromkeys(found))

    def _ordered(
        self, names: Sequence[str], asked: Asked, grant: Grant, views: Mapping[str, ModelView]
    ) -> tuple[str, ...]:
        roomy = fitting(names, asked, self._cards)
        allowed = grant.models
        if allowed is not None:
            roomy = tuple(name for name in roomy if name in allowed)
        return failing_last(roomy, views) if len(roomy) > 1 else roomy

    def _reason(self, route: _Compiled, moment: Moment) -> str:
        if route.use[:1] == (LEARNED,) and moment.learned is not None:
            return f"{route.why}, {moment.learned.why}" if route.why else moment.learned.why
        if route.why:
            return route.why
        if not self._reads_tasks:
            return "no condition"
        return (
            f"no route of its own for task {moment.task}" if moment.task else "no task recognised"
        )

    def _verdict(self, route: _Compiled, moment: Moment, choice: Choice) -> RouteVerdict:
        reasons = tuple(
            Reason(test.words, test.holds(moment), test.seen(moment)) for test in route.tests
        )
        applies = all(reason.holds for reason in reasons)
        use = self._use(route, moment)
        note = "" if use else "the key may use none of its models"
        if LEARNED in route.use:
            said = "no learned route is loaded" if moment.learned is None else moment.learned.why
            note = f"{said}; {note}" if note else said
        return RouteVerdict(route.number, applies, choice.route == route.number, use, reasons, note)


def choose(config: RouterConfig, model: str, message: str) -> Choice:
    """The decision by name and message alone, of models about whose state nothing is known."""
    asked = Asked("/v1/chat/completions", model, message=message)
    return RoutePolicy(config).decide(asked, Grant(), {})


def _compiled(
    number: int, route: Route, own: Mapping[str, str], known: Mapping[str, Card]
) -> _Compiled:
    """A route with the names of models in place of their aliases, and without unknown ones."""
    use = tuple(dict.fromkeys(own[name] for name in route.use if name in own))
    is_fixed = route.prefer == "order" and LEARNED not in use
    return _Compiled(
        number,
        route,
        use,
        tests(route.when, use or ("no model",)),
        _why(route.when),
        with_fallbacks(use, known) if is_fixed else None,
    )


def _why(when: Condition) -> str:
    """A condition in words, the task first as the weightiest."""
    parts = [test.words for test in tests(when, ("its model",))]
    return ", ".join(sorted(parts, key=lambda part: not part.startswith("task ")))
