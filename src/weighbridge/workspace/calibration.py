"""The user's measured points, as the workspace keeps them: ``calibration.json``."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.core.calibration import MeasuredPoint
from weighbridge.core.errors import WorkspaceError

_NAME: Final = "calibration.json"


def read_points(root: Path) -> tuple[MeasuredPoint, ...]:
    """The points that predictions are calibrated with; none where there is no such file.

    Raises:
        WorkspaceError: the file is damaged or cannot be read.
    """
    path = root / _NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[MeasuredPoint, ...])
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise WorkspaceError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WorkspaceError(
            f"{path} cannot be read: {error}.", fix="Delete it and calibrate again."
        ) from error


def write_points(root: Path, points: Sequence[MeasuredPoint]) -> None:
    """Keep these points and no others; without any the file is taken away.

    Raises:
        WorkspaceError: it cannot be written.
    """
    path = root / _NAME
    draft = path.with_name(f".{_NAME}.draft")
    try:
        if not points:
            path.unlink(missing_ok=True)
            return
        root.mkdir(parents=True, exist_ok=True)
        text = msgspec.json.format(msgspec.json.encode(list(points)), indent=1)
        draft.write_bytes(text + b"\n")
        draft.replace(path)
    except OSError as error:
        raise WorkspaceError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):  # gone already when all went well
            draft.unlink()
