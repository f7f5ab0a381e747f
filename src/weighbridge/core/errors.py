"""Everything that can go wrong for a reason outside our code.

::

    WeighbridgeError
    ├── InputError              the user's words or files are at fault          (exit 2)
    │   ├── FormatError         a file is not what it claims to be, or is damaged
    │   ├── NotCachedError      the Hub may not be asked, and the cache does not have it
    │   ├── ConfigError         a configuration or suite file says something we cannot do
    │   └── UnknownRunError     no run in the workspace goes by that name
    ├── NothingLeftError        no option meets all constraints; in core/constraints.py (exit 1)
    └── ExternalError           something outside failed                        (exit 3)
        ├── EndpointError       a server did not do what its protocol promises
        │   ├── ConnectError    nobody answers there
        │   ├── DeadlineError   it answers too slowly, or stopped answering
        │   ├── StatusError     it answered with an error status
        │   └── ProtocolError   it answered something that is not HTTP, JSON or an event stream
        ├── EngineError         an engine could not be started or died
        │   └── BusyError       too much waits for it, or the turn did not come in time
        ├── SandboxError        foreign code cannot be run safely here, so it is not run
        ├── WorkspaceError      the workspace cannot be read or written
        └── LedgerError         the ledger of budgets cannot be read or written

A message is one sentence that says what happened and where; ``fix`` is one sentence that says what
to do about it. ``str()`` joins both.
"""

from __future__ import annotations


class WeighbridgeError(Exception):
    """Root of all errors that a user may meet; anything else is a defect of ours."""

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".rstrip()


class InputError(WeighbridgeError):
    """The user's words or files are at fault."""


class FormatError(InputError):
    """A file is not what it claims to be, or is damaged."""


class NotCachedError(InputError):
    """The Hub may not be asked, and the cache does not have it."""


class ConfigError(InputError):
    """A configuration or suite file says something we cannot do."""


class UnknownRunError(InputError):
    """No run in the workspace goes by that name."""


class ExternalError(WeighbridgeError):
    """Something outside failed."""


class EndpointError(ExternalError):
    """A server did not do what its protocol promises.

    ``kind`` is the short word under which load runs count such failures.
    """

    kind = "endpoint"


class ConnectError(EndpointError):
    """Nobody answers at that address."""

    kind = "connect"


class DeadlineError(EndpointError):
    """The server answers too slowly, or stopped answering."""

    kind = "timeout"


class StatusError(EndpointError):
    """The server answered with an error status.

    ``retry_after_s`` is how long it asks to wait before trying again, where it says so.
    """

    def __init__(
        self, message: str, *, status: int, fix: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, fix=fix)
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The status as counted in load runs, e.g. ``http_500``."""
        return f"http_{self.status}"


class ProtocolError(EndpointError):
    """The answer is not HTTP, not JSON, or not an event stream."""

    kind = "protocol"


class EngineError(ExternalError):
    """An engine could not be started or died.

    Attributes:
        for_clients: the same for whoever asks a gateway: without what an engine wrote, which may
            hold paths and secrets of the machine. Empty where nothing but that is known.
    """

    def __init__(self, message: str, *, fix: str = "", for_clients: str = "") -> None:
        super().__init__(message, fix=fix)
        self.for_clients = for_clients


class BusyError(EngineError):
    """More waits for an engine than may, or the turn did not come in time.

    Attributes:
        retry_after_s: when asking again may help.
    """

    def __init__(self, message: str, *, fix: str = "", retry_after_s: float = 1.0) -> None:
        super().__init__(message, fix=fix, for_clients=message)
        self.retry_after_s = retry_after_s


class SandboxError(ExternalError):
    """Foreign code cannot be run safely here, so it is not run."""


class WorkspaceError(ExternalError):
    """The workspace cannot be read or written."""


class LedgerError(ExternalError):
    """The ledger of budgets cannot be read or written."""
