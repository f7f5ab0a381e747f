"""Run the commands of docs/tutorials and write what they print under them.

A tutorial is Markdown. Its fenced ``console`` blocks hold commands, each after ``$ ``, a line that
ends in a backslash goes on in the next; what they print is written below them by this script. Every
tutorial runs in a folder of its own in which ``src``, ``docs`` and ``examples`` are those of this
checkout. Comments steer it, each on a line of its own:

- ``<!-- file: NAME -->`` before a fenced block: the block is the content of that file.
- ``<!-- measured -->`` before a console block: its figures are another machine's, another day's.
- ``<!-- slow -->`` anywhere: starts engines or counts seconds; only ``--all`` runs it again.

A command that ends in `` &`` runs until the tutorial ends; the next one waits until a port answers.
The ports 8080, 8081 and 8500 stand for free ones. A command that fails ends the run, unless it
says ``$?`` itself.

    python tools/make_tutorials.py                  write the quick ones
    python tools/make_tutorials.py --all            write all of them
    python tools/make_tutorials.py --check gate     say what would change in one
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/tutorials"
PORTS = ("8080", "8081", "8500")
LONGEST_S = 300

# Quick tutorials run on a day of their own, by the prices that are shipped: what they print is the
# same on any later day, also once a price is stale or a newer list is installed.
DAY = "2026-11-21T12:00:00Z"
WEIGH = f"""#!{sys.executable}
import sys

sys.modules["genai_prices"] = None
from weighbridge.verbs.effects import SystemClock

SystemClock.now_iso = lambda self: "{DAY}"
from weighbridge.cli.main import main

main()
"""

FENCE = re.compile(r"^```(\w*)$")
FILE = re.compile(r"^<!-- file: (\S+) -->$")

# What differs between two runs of the same command on the same data, and what it becomes.
MASKS = (
    (re.compile(r"\b([a-z]+)-[0-9a-f]{6,16}\b"), r"\1-ID"),
    (
        re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+]00:00| UTC)?)?"),
        "DATE",
    ),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "HASH"),
    (re.compile(r"^Measured on .*"), "Measured on HOST"),
    (re.compile(r"(token=|wb-[a-z]+-)[\w-]+"), r"\1TOKEN"),
)


@dataclass(slots=True)
class Block:
    """A console block: its commands with what each printed, and where it stands."""

    first: int  # line of the opening fence
    last: int  # line of the closing fence
    measured: bool
    commands: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)

    @property
    def text(self) -> list[str]:
        """The block's lines between the fences."""
        lines: list[str] = []
        for command, printed in zip(self.commands, self.printed, strict=True):
            lines += [f"$ {command}".rstrip(), *printed.splitlines()]
        return [line for part in lines for line in part.split("\n")]


@dataclass(frozen=True, slots=True)
class Tutorial:
    """A tutorial as it is written."""

    name: str
    lines: tuple[str, ...]
    blocks: tuple[Block, ...]
    files: tuple[tuple[str, str], ...]  # name, content
    is_slow: bool


def tutorial(path: Path) -> Tutorial:
    """Read a tutorial."""
    lines = path.read_text(encoding="utf-8").splitlines()
    blocks, files = [], []
    for first, last, language in fences(lines):
        before = lines[first - 1] if first else ""
        if language == "console":
            blocks.append(block(lines, first, last, measured=before == "<!-- measured -->"))
        if match := FILE.match(before):
            files.append((match[1], "\n".join(lines[first + 1 : last]) + "\n"))
    return Tutorial(path.stem, tuple(lines), tuple(blocks), tuple(files), "<!-- slow -->" in lines)


def fences(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Where the fenced blocks begin and end, and their languages."""
    first = None
    for number, line in enumerate(lines):
        match = FENCE.match(line)
        if match and first is None:
            first, language = number, match[1]
        elif match and first is not None:
            yield first, number, language
            first = None


def block(lines: list[str], first: int, last: int, *, measured: bool) -> Block:
    """The console block between two fences."""
    found = Block(first, last, measured)
    goes_on = False
    for line in lines[first + 1 : last]:
        if goes_on:
            found.commands[-1] += f"\n{line}"
        elif line.startswith("$ "):
            found.commands.append(line[2:])
            found.printed.append("")
        elif found.commands:
            found.printed[-1] += f"{line}\n"
            continue
        goes_on = line.endswith("\\")
    return found


class Scratch:
    """A folder in which the commands of one tutorial run."""

    def __init__(self, folder: Path, files: tuple[tuple[str, str], ...], *, is_slow: bool) -> None:
        self.folder = folder
        self.ports = {port: free_port() for port in PORTS}
        self.running: list[subprocess.Popen[bytes]] = []
        for name in ("src", "docs", "examples"):
            (folder / name).symlink_to(ROOT / name)
        (folder / ".bin").mkdir()
        if not is_slow:
            (folder / ".bin/weigh").write_text(WEIGH, encoding="utf-8")
            (folder / ".bin/weigh").chmod(0o755)
        for name, content in files:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(self.ours(content), encoding="utf-8")

    def ours(self, text: str) -> str:
        """The text with the ports that are free here."""
        return re.sub("|".join(PORTS), lambda match: self.ports[match[0]], text)

    def readers(self, text: str) -> str:
        """The text as a reader is to see it: the usual ports, paths as in a checkout."""
        for usual, here in self.ports.items():
            text = re.sub(rf"\b{here}\b", usual, text)
        for path, short in ((f"{self.folder}/", ""), (str(self.folder), "."), (f"{ROOT}/", "")):
            text = text.replace(path, short)
        return "\n".join(line.rstrip() for line in text.splitlines())

    def environment(self) -> dict[str, str]:
        """What the commands find in their environment: nothing of the person who runs this."""
        kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        return kept | {
            "PATH": f"{self.folder}/.bin:{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "TZ": "UTC",
            "COLUMNS": "110",
            "HF_HUB_OFFLINE": "1", "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
        }  # fmt: skip

    def run(self, command: str) -> str:
        """What the command prints."""
        if command.endswith(" &"):
            return self.start(command.removesuffix(" &"))
        done = subprocess.run(
            ["bash", "-c", self.ours(command)], cwd=self.folder, env=self.environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=LONGEST_S, check=False,
        )  # fmt: skip
        printed = self.readers(done.stdout.decode())
        if done.returncode and "$?" not in command:
            raise SystemExit(f"$ {command}\n{printed}\nexit code {done.returncode}")
        return printed

    def start(self, command: str) -> str:
        """Run the command beside the following ones; what it prints until its port answers."""
        log = self.folder / f".log{len(self.running)}"
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self.ours(command)}"], cwd=self.folder,
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.running.append(process)
        end = time.monotonic() + 60
        while not any(answers(int(port)) for port in self.ports.values()):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"$ {command}\n{log.read_text()}\nnever answered")
            time.sleep(0.1)
        time.sleep(0.5)  # it says where it listens a moment after it does
        return self.readers(log.read_text())

    def stop(self) -> None:
        """End what still runs."""
        for process in self.running:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.running:
            process.wait(30)


def free_port() -> str:
    """A port that nobody has."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def rewritten(one: Tutorial) -> tuple[Block, ...]:
    """The tutorial's blocks with what its commands print now."""
    fresh = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Scratch(Path(folder).resolve(), one.files, is_slow=one.is_slow)
        try:
            for old in one.blocks:
                printed = [scratch.run(command) for command in old.commands]
                fresh.append(Block(old.first, old.last, old.measured, old.commands, printed))
        finally:
            scratch.stop()
    return tuple(fresh)


def masked(lines: list[str], *, measured: bool) -> list[str]:
    """The lines without what differs from run to run; of measured ones the words are left."""
    for pattern, instead in MASKS:
        lines = [pattern.sub(instead, line) for line in lines]
    if measured:
        lines = [" ".join(re.findall(r"[^\W\d_]{3,}", line)) for line in lines]
    return lines


def differences(one: Tutorial) -> list[str]:
    """How what the commands print now differs from what the tutorial shows."""
    found: list[str] = []
    for old, new in zip(one.blocks, rewritten(one), strict=True):
        if is_unsteady(old):  # that it runs is what can be asked of it
            continue
        shown, now = (masked(each.text, measured=False) for each in (old, new))
        found += difflib.unified_diff(shown, now, f"{one.name}:{old.first + 1}", "now", "", "", 1)
    return found


def write(one: Tutorial) -> bool:
    """Write what the commands print now into the tutorial; whether that changed it.

    Other ids, dates and measured figures alone are no news; if anything is, all of it is written,
    so that a page shows one run.
    """
    fresh = rewritten(one)
    if all(is_as_before(old, new) for old, new in zip(one.blocks, fresh, strict=True)):
        return False
    lines = list(one.lines)
    for new in reversed(fresh):
        lines[new.first + 1 : new.last] = new.text
    (FOLDER / f"{one.name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return True


def is_as_before(old: Block, new: Block) -> bool:
    """Whether only what may differ differs."""
    if is_unsteady(old) and any(old.printed):
        shown, now = (masked(each.text, measured=True) for each in (old, new))
    else:
        shown, now = (masked(each.text, measured=False) for each in (old, new))
    return shown == now


def is_unsteady(one: Block) -> bool:
    """Whether its figures are another day's, or a server says more or less by when it is asked."""
    return one.measured or any(command.endswith(" &") for command in one.commands)


def chosen(names: list[str], *, all_of_them: bool) -> list[Tutorial]:
    """The tutorials that are meant: those named, or all, or the quick ones."""
    every = [tutorial(path) for path in sorted(FOLDER.glob("*.md"))]
    if names:
        return [one for one in every if one.name in names]
    return [one for one in every if all_of_them or not one.is_slow]


def main() -> int:
    """Write or check the tutorials."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="of tutorials; by default the quick ones")
    parser.add_argument("--all", action="store_true", help="the slow ones too")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if any differs")
    given = parser.parse_args()
    wanted = chosen(given.names, all_of_them=given.all)
    quick = [one for one in wanted if not one.is_slow]
    slow = [one for one in wanted if one.is_slow]
    do = differences if given.check else write
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(zip(quick, pool.map(do, quick), strict=True))
    results += [(one, do(one)) for one in slow]  # those that measure, one by one
    for one, result in results:
        print(f"{one.name}: {'as written' if not result else 'changed'}")
        if given.check and isinstance(result, list):
            print("\n".join(result))
    return int(given.check and any(result for _, result in results))


if __name__ == "__main__":
    sys.exit(main())
