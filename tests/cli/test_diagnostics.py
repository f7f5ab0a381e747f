"""Every way to end has its exit code and its sentence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.cli.runner import WEIGH
from weighbridge.cli import diagnostics
from weighbridge.cli.diagnostics import Interrupted, guarded, printable, say
from weighbridge.core.errors import ExternalError, InputError


def raising(error: BaseException) -> int:
    def main() -> None:
        raise error

    return guarded(main, debug=False)


def test_what_main_returns_is_the_exit_code() -> None:
    assert guarded(lambda: None, debug=False) == 0
    assert guarded(lambda: 4, debug=False) == 4


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError("Bad."), 2, "Error: Bad."),
        (ExternalError("Gone."), 3, "Error: Gone."),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "Cannot write the output: No space"),
        (PermissionError(errno.EACCES, "Permission denied", "f"), 3, "Permission denied: 'f'"),
        (click.UsageError("No."), 2, "Error: No."),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (Interrupted("Interrupted; all is well."), 130, "Interrupted; all is well."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_outcome(
    error: BaseException,
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diagnostics, "_drop_output", lambda: None)
    assert raising(error) == code
    assert said in capsys.readouterr().err


def test_a_defect_is_not_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(ValueError("1\nof 2")) == 70
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "ValueError: 1 of 2" in said
    assert "report" in said
    assert "--debug" in said


def test_debug_shows_a_defects_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise ValueError

    assert guarded(main, debug=True) == 70
    assert "Traceback" in capsys.readouterr().err


def test_what_a_terminal_would_obey_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1b[31m\tb\nc\x9b\u202ed 漢字\u3000é")
    assert capsys.readouterr().err == "a�[31m b\nc��d 漢字 é\n"
    assert printable("\udcff") == "�"


def shell(words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    weigh = " ".join(f"'{word}'" for word in WEIGH)
    return subprocess.run(
        ["bash", "-c", words.replace("weigh", weigh, 1)],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("words", ["runs --json", "--help", "completion bash"])
def test_output_that_cannot_be_written(words: str, tmp_path: Path) -> None:
    done = shell(f"weigh {words} > /dev/full", tmp_path)
    assert done.returncode == 3
    assert done.stderr == "Error: Cannot write the output: No space left on device.\n"


def test_nobody_hears_and_nothing_breaks(tmp_path: Path) -> None:
    assert shell("weigh runs 2>/dev/full", tmp_path).returncode == 0
    assert shell("weigh inspect none.gguf 2>/dev/full", tmp_path).returncode == 2


def test_a_reader_that_leaves_early_is_no_no(tmp_path: Path) -> None:
    done = shell("weigh completion bash | true; exit ${PIPESTATUS[0]}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["models", "models --json", "--help"])
def test_a_reader_of_tables_and_of_help_may_leave_early(words: str, tmp_path: Path) -> None:
    done = shell(f"weigh {words} | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("module", ["click", "weighbridge.cli.diagnostics", "weighbridge.cli.runs"])
def test_ctrl_c_while_importing(module: str, tmp_path: Path) -> None:
    code = f"""
import sys
class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
sys.argv = ["weigh", "runs"]
from weighbridge.cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr.strip() == "Interrupted."


def test_what_native_code_prints_while_kept_clean_is_talk() -> None:
    script = (
        "import ctypes, os\n"
        "from weighbridge.cli.diagnostics import stdout_kept_clean\n"
        "print('first')\n"
        "with stdout_kept_clean():\n"
        "    ctypes.CDLL(None).puts(b'from the solver')\n"
        "    os.write(1, b'past all buffers')\n"
        "print('{}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "first\n{}\n"
    assert "from the solver" in done.stderr
    assert "past all buffers" in done.stderr
