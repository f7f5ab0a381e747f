from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import weighbridge
from tests.facts.devices.programs import program
from weighbridge.core.errors import SandboxError
from weighbridge.measure.sandbox import self_test as subject
from weighbridge.measure.sandbox.limits import Ended, Limits
from weighbridge.measure.sandbox.sandbox import Sandbox
from weighbridge.measure.sandbox.self_test import Tried, open_sandbox, self_test, tried_sandbox


def test_every_limit_holds(sandbox: Sandbox) -> None:
    tried = self_test(sandbox)
    assert len(tried) == 12
    assert [one for one in tried if one.broke] == []


def test_a_limit_that_does_not_hold_is_found(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without bubblewrap's walls around memory and files the probes must notice."""
    run = Sandbox.python

    def leaky(self: Sandbox, source: str, limits: Limits | None = None) -> Ended:
        if "3 << 30" in source:  # as if the kernel had granted it
            source = "print('granted')"
        if "/etc/passwd" in source:
            source = source.replace("/etc/shadow", "/lib")
        return run(self, source, limits)

    monkeypatch.setattr(Sandbox, "python", leaky)
    broke = {one.name: one.broke for one in self_test(sandbox) if one.broke}
    assert set(broke) == {"memory", "files"}
    assert broke["files"] == "AssertionError: /lib"


def test_code_is_not_run_when_a_limit_is_broken(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "self_test", lambda _: (Tried("network", "reached"),))
    with pytest.raises(SandboxError, match=r"does not limit network \(reached\)"):
        open_sandbox(1, bwrap=sandbox.bwrap, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_held_is_not_tried_again(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[int] = []

    def count(_: Sandbox) -> tuple[Tried, ...]:
        times.append(1)
        return (Tried("network"),)

    monkeypatch.setattr(subject, "self_test", count)
    open_sandbox(1, bwrap=sandbox.bwrap, cache=tmp_path)
    open_sandbox(1, bwrap=sandbox.bwrap, cache=tmp_path)
    assert len(times) == 1
    tried_sandbox(sandbox, cache=tmp_path, anew=True)
    assert len(times) == 2
    (tmp_path / "sandbox.json").write_bytes(b"{broken")
    open_sandbox(1, bwrap=sandbox.bwrap, cache=tmp_path)
    assert len(times) == 3


def test_without_bubblewrap_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="bubblewrap is not installed") as caught:
        open_sandbox(1)
    assert "apt install bubblewrap" in caught.value.fix


@pytest.mark.parametrize(
    ("complaint", "fix"),
    [
        ("bwrap: setting up uid map: Permission denied", "AppArmor"),
        ("bwrap: No permissions to create new namespace", "AppArmor"),
        ("bwrap: Unknown option --size", "0.8"),
        ("bwrap: something else", "weigh doctor"),
    ],
)
def test_a_bubblewrap_that_fails_is_an_error_and_not_an_answer(
    tmp_path: Path, complaint: str, fix: str
) -> None:
    program(tmp_path, "bwrap", f"echo '{complaint}' >&2; exit 1")
    with pytest.raises(SandboxError, match="did not start") as caught:
        Sandbox(1, bwrap=str(tmp_path / "bwrap")).python("print(1)")
    assert fix in caught.value.fix


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user to try it")
def test_an_ordinary_user_has_the_same_sandbox(tmp_path: Path) -> None:
    """With an interpreter that the user can read; a folder of root's own would hide it."""
    system = "/usr/bin/python3"
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    if not all(map(shutil.which, ("setpriv", "bwrap", system))):
        pytest.skip("needs setpriv, bubblewrap and the system's Python")
    places = {str(Path(m.__file__).parents[1]) for m in (weighbridge, msgspec) if m.__file__}
    told = subprocess.run(
        [*nobody, system, "-c", "import sys; import msgspec; print(sys.version_info[:2])"],
        env={"PYTHONPATH": ":".join(places), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if told.stdout.strip() != str(sys.version_info[:2]):
        pytest.skip("another user cannot read our packages, or the system's Python is another")
    source = (
        "from weighbridge.measure.sandbox.self_test import *\n"
        "print([one for one in self_test(Sandbox(2)) if one.broke])"
    )
    done = subprocess.run(
        [*nobody, system, "-c", source],
        env={
            "PYTHONPATH": ":".join(places),
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
