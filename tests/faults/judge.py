"""Was that answer right? Pure: what was asked, what came back, and a sentence if it was not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tests.faults.client import Conduct, Seen
from tests.faults.script import BEFORE, WITHIN, Ask, answer, refusal

_LEFT: tuple[Conduct, ...] = ("leave_at_once", "leave_half_asked")
_REFUSED = (429, 502, 503, 504)


def fault_of(ask: Ask, conduct: Conduct, seen: Seen, fallbacks: Mapping[str, Sequence[str]]) -> str:
    """What is wrong with ``seen``; empty where nothing is.

    Args:
        ask: the request.
        conduct: what the client did.
        seen: what came back.
        fallbacks: per model, who answers instead.
    """
    if conduct in _LEFT:
        return ""  # there is nobody to be wronged
    if seen.timed_out:
        return "no end of the answer was in sight"
    if seen.wrong:
        return seen.wrong
    wrong = _wrong_bytes(ask, seen)
    if wrong or conduct in ("leave_midway", "reset_midway"):
        return wrong
    return _lost(ask, conduct, seen, fallbacks)


def _wrong_bytes(ask: Ask, seen: Seen) -> str:
    """What was delivered is what the model that is named there says, from its beginning on."""
    if seen.status == 0:
        return ""
    who = seen.header("x-weighbridge-model")
    if not who:
        return _no_sentence(seen)
    right = {200: answer(who, ask)}.get(seen.status) or refusal(who, ask, seen.status)
    if seen.complete:
        return "" if seen.body == right else f"{who} did not say {seen.body[:200]!r}"
    if not right.startswith(seen.body):
        return f"{who} did not begin with {seen.body[:200]!r}"
    if b"[DONE]" in seen.body:
        return "an answer that was cut ends with [DONE]"
    return ""


def _no_sentence(seen: Seen) -> str:
    """The gateway's own answers are errors in a sentence."""
    if seen.status < 400 or not seen.complete:
        return f"status {seen.status} without a model, complete: {seen.complete}"
    try:
        message = json.loads(seen.body)["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return f"the gateway's own error is {seen.body[:200]!r}"
    return "" if isinstance(message, str) and message.endswith(".") else f"no sentence: {message}"


def _lost(ask: Ask, conduct: Conduct, seen: Seen, fallbacks: Mapping[str, Sequence[str]]) -> str:
    """Whoever could be answered was; what was cut had begun, and was cut by its model."""
    order = [ask.model, *fallbacks.get(ask.model, ())]
    could = [model for model in order if ask.trouble(model) not in BEFORE]
    who = seen.header("x-weighbridge-model")
    if who and seen.complete:
        return _ended_wrongly(ask, seen.status, who, could)
    if seen.complete:
        # A single model may be out of favour after many failures; with a fallback nobody is lost.
        alone = len(order) == 1 and seen.status in _REFUSED
        return f"refused with {seen.status}: {seen.body[:300]!r}" if could and not alone else ""
    was_cut = seen.status > 0 and ask.trouble(who) in WITHIN
    if was_cut or conduct == "half_close":  # which may be taken for having left
        return ""
    return f"lost: status {seen.status} from {who or 'nobody'} after {len(seen.body)} bytes"


def _ended_wrongly(ask: Ask, status: int, who: str, could: Sequence[str]) -> str:
    if ask.trouble(who) in WITHIN:
        return f"{who} never said its answer to the end"
    if who in could:
        return ""
    # Where every model refuses, the last one's refusal is the answer.
    return "" if status in _REFUSED and not could else f"{who} cannot have answered"
