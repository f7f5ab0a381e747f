"""What an administrator asks of a running gateway, and is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeGuard, get_args

from weighbridge.core.gateway import GatewayView, ModelView

KEY_VARIABLE: Final = "WEIGHBRIDGE_ADMIN_KEY"
"""The environment variable in which an administrator's own commands find their key."""

Action = Literal["start", "stop", "sleep"]
ACTIONS: tuple[Action, ...] = get_args(Action)


def is_action(word: str) -> TypeGuard[Action]:
    """Whether a word is one of :data:`ACTIONS`."""
    return word in ACTIONS


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """How far an action on a model is.

    Attributes:
        action: what was asked.
        model: the model as it is now; its state goes on changing while ``done`` is false.
        done: whether the action is complete.
        sentence: the same in words.
    """

    action: Action
    model: ModelView
    done: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class ReloadAnswer:
    """The configuration was read anew and is in use."""

    sentence: str


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """A gateway as it announced itself.

    Attributes:
        admin_url: of its admin port, for example ``http://127.0.0.1:8081``.
        pid: its process.
    """

    admin_url: str
    pid: int


def nearest_model(view: GatewayView, name: str) -> str:
    """The model that was probably meant; empty where none is near."""
    import difflib  # noqa: PLC0415 -- only for a slip of the finger

    near = difflib.get_close_matches(name, [one.model for one in view.models], n=1)
    return near[0] if near else ""
