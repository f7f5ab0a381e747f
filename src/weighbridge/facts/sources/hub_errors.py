"""What goes wrong with the Hub, in one sentence each with what to do about it."""

from __future__ import annotations

from pathlib import Path

from weighbridge.core.errors import (
    ConnectError,
    DeadlineError,
    FormatError,
    InputError,
    NotCachedError,
    ProtocolError,
    StatusError,
    WeighbridgeError,
)


def transport_errors() -> tuple[type[BaseException], ...]:
    """What huggingface_hub and the HTTP client below it raise.

    The client is httpx or its successor, by version; the root of its errors is the base of the
    Hub's own.
    """
    from huggingface_hub import errors  # noqa: PLC0415 -- lazy: 0.2 s

    roots = (base for base in errors.HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")
    return (
        *roots,
        OSError,
        errors.HFValidationError,
        errors.FileMetadataError,
        errors.EntryNotFoundError,
    )


def answer_errors() -> tuple[type[BaseException], ...]:
    """The same, and what its records raise when an answer is not the JSON of the Hub."""
    return (*transport_errors(), ValueError, TypeError, LookupError, AttributeError)


def explain(
    error: BaseException, *, repo: str, revision: str | None, endpoint: str, has_token: bool
) -> WeighbridgeError:
    """The error to show for one that huggingface_hub raised about a model.

    Args:
        error: as caught.
        repo: the model's id.
        revision: as asked for.
        endpoint: address of the Hub.
        has_token: whether a token was sent.
    """
    from huggingface_hub import errors  # noqa: PLC0415

    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    found: WeighbridgeError
    if isinstance(error, errors.GatedRepoError):
        found = gated(repo, endpoint, has_token=has_token)
    elif isinstance(error, errors.RevisionNotFoundError):
        found = InputError(
            f"{repo} has no revision {revision or 'main'} on {endpoint}.",
            fix=f"See its branches, tags and commits on {endpoint}/{repo}/tree/main.",
        )
    elif isinstance(error, errors.RepositoryNotFoundError):
        found = no_repo(repo, endpoint, has_token=has_token)
    elif isinstance(error, errors.DisabledRepoError):
        found = InputError(f"{repo} has been disabled on {endpoint}.", fix="Choose another model.")
    elif isinstance(error, errors.HFValidationError):
        found = InputError(f"{repo!r} is not a Hub id.", fix="Write for example Qwen/Qwen3-8B.")
    elif isinstance(error, errors.OfflineModeIsEnabled | errors.LocalEntryNotFoundError):
        found = offline(repo)
    elif isinstance(error, errors.HfHubHTTPError):
        found = _status(error.response.status_code, repo, endpoint, has_token=has_token)
    else:
        found = _transport(error, repo, endpoint)
    return found


def gated(repo: str, endpoint: str, *, has_token: bool) -> StatusError:
    """The model's owner lets in only those who ask."""
    whose = "HF_TOKEN belongs to an account without access" if has_token else "no HF_TOKEN is set"
    return StatusError(
        f"{repo} is gated, and {whose}.",
        status=403,
        fix=f"Accept its terms on {endpoint}/{repo}, then set HF_TOKEN to a token of that account.",
    )


def no_repo(repo: str, endpoint: str, *, has_token: bool) -> InputError:
    """No such model, or none that this account may see."""
    private = "" if has_token else " If it is private, set HF_TOKEN."
    here = Path(repo).name
    nearby = f" There is a folder {here} here: write ./{here}." if Path(here).is_dir() else ""
    return InputError(
        f"There is no model {repo} on {endpoint}, nor a file or folder of that name here.",
        fix=f"Check the spelling.{private}{nearby}",
    )


def offline(repo: str) -> NotCachedError:
    """HF_HUB_OFFLINE is set, and the cache does not help."""
    return NotCachedError(
        f"HF_HUB_OFFLINE is set, and the config.json of {repo} is not in the cache.",
        fix="Unset HF_HUB_OFFLINE for one run, or give a local folder.",
    )


def _status(status: int, repo: str, endpoint: str, *, has_token: bool) -> WeighbridgeError:
    if status == 401 and has_token:
        return StatusError(
            f"{endpoint} does not accept HF_TOKEN (status 401).",
            status=status,
            fix=f"Create a new one on {endpoint}/settings/tokens, or unset it.",
        )
    if status in {401, 404}:
        return no_repo(repo, endpoint, has_token=has_token)
    if status == 403:
        return gated(repo, endpoint, has_token=has_token)
    fix = "Set HF_TOKEN for a higher limit, or wait." if status == 429 else "Try again later."
    return StatusError(f"{endpoint} answered status {status}.", status=status, fix=fix)


def _transport(error: BaseException, repo: str, endpoint: str) -> WeighbridgeError:
    kind = type(error).__name__
    if "Timeout" in kind:
        return DeadlineError(
            f"{endpoint} does not answer in time.", fix="Check the network and HF_ENDPOINT."
        )
    if "Connect" in kind or "Network" in kind or kind == "UnsupportedProtocol":
        return ConnectError(
            f"{endpoint} cannot be reached: {error}.", fix="Check the network and HF_ENDPOINT."
        )
    if kind == "FileMetadataError" or isinstance(error, ValueError | TypeError | LookupError):
        return ProtocolError(
            f"{endpoint} answers, but not as the Hub does.", fix="Check HF_ENDPOINT and proxies."
        )
    if isinstance(error, OSError) and "Consistency check" in str(error):
        return FormatError(
            f"A file of {repo} arrived incomplete from {endpoint}.", fix="Try again."
        )
    return ProtocolError(f"{endpoint} broke off: {kind}.", fix="Try again.")
