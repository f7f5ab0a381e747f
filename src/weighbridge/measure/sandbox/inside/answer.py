"""The process that runs the answer: calls its functions when the judge asks, and knows no tests."""

from __future__ import annotations

import sys

from .plain import EndedError, is_about_packing, packed, receive, send, unpacked

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported late or never: see the package
    from types import ModuleType

_SHOWN = 300


def serve(source: bytes, calls: int, replies: int) -> None:
    """Run the answer, then call its functions for as long as the judge asks."""
    module = type(sys)("answer")
    sys.modules["answer"] = module
    try:
        code = compile(source, "answer.py", "exec")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        send(replies, packed(("syntax", _text(error))))
        return
    try:
        exec(code, module.__dict__)  # noqa: S102 -- what a sandbox is for
    except BaseException as error:  # noqa: BLE001 -- SystemExit too must not end us silently
        send(replies, packed(("raised", type(error).__name__, _text(error))))
        return
    names = [name for name in vars(module) if callable(getattr(module, name))]
    send(replies, packed(("ready", names)))
    try:
        while True:
            _answer_one(module, calls, replies)
    except EndedError:
        return


def _answer_one(module: ModuleType, calls: int, replies: int) -> None:
    frame = receive(calls)
    name, arguments, keywords = unpacked(frame)
    if name == "":  # tests that need the answer's own objects run here, beside it
        send(replies, _tested(module, *arguments))
        return
    try:
        result = getattr(module, name)(*arguments, **keywords)
        same = unpacked(frame)[1:] == (arguments, keywords)
        changed = None if same else (arguments, keywords)
        reply = packed(("gave", result, changed))
    except BaseException as error:  # noqa: BLE001
        kind = type(error).__name__
        about = ("unsendable",) if is_about_packing(error) else ("raised", kind)
        reply = packed((*about, _text(error)))
    send(replies, reply)


def _tested(module: ModuleType, test: str, entry_point: str, secret: bytes) -> bytes:
    names = module.__dict__
    own_check = names.get("check")
    try:
        exec(compile(test, "test.py", "exec"), names)  # noqa: S102
        check = names.get("check")
        if check and check is not own_check and entry_point:
            check(names[entry_point])
    except AssertionError as error:
        return packed(("assertion", _text(error)))
    except BaseException as error:  # noqa: BLE001
        return packed(("raised", type(error).__name__, _text(error)))
    return packed(("passed", secret))


def _text(error: BaseException) -> str:
    try:
        return str(error)[:_SHOWN]
    except Exception:  # noqa: BLE001 -- an exception whose __str__ raises
        return "(its message cannot be shown)"
