"""One script for sh that starts an engine: it fails loudly for what is not there."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from itertools import groupby

from weighbridge.engines.commands import Launch


def script(launch: Launch) -> str:
    """Everything to start an engine, servers side by side in one shell.

    Where several computers are needed, the same script runs on each, told by ``COMPUTER`` which
    one it is.
    """
    return "\n".join(_lines(launch)) + "\n"


def _lines(launch: Launch) -> Iterator[str]:
    yield f"# {launch.engine}"
    yield from (f"# {note}" for note in launch.notes)
    if not launch.commands:
        yield f"echo {shlex.quote(launch.notes[0])} >&2"
        yield "exit 1"
        return
    yield "set -eu"
    yield from (f': "${{{name}:?{_bare(said)}}}"' for name, said in launch.needs)
    for name, content in launch.files:
        # Variables in it are filled in, where it has any.
        mark = "EOF" if launch.needs and "$" in content else "'EOF'"
        yield f"cat > {name} <<{mark}\n{content}EOF"
    groups = [
        (host, [command for _, command in pairs])
        for host, pairs in groupby(
            zip(launch.hosts, launch.commands, strict=True), key=lambda pair: pair[0]
        )
    ]
    if len(groups) == 1:
        yield from _side_by_side(launch, groups[0][1])
        return
    last = groups[-1][0]
    yield f"# Run this on each of the {last} computers, with COMPUTER=1 to COMPUTER={last}."
    yield f'case "${{COMPUTER:?set HOST to the number of this computer, 1 to {last}}}" in'
    for host, commands in groups:
        yield f"{host})"
        yield from (f"  {line}" for line in _side_by_side(launch, commands))
        yield "  ;;"
    yield '*) echo "COMPUTER is $COMPUTER, not one of 1 to ' + f'{last}" >&2; exit 1 ;;'
    yield "esac"


def _side_by_side(launch: Launch, commands: list[str]) -> Iterator[str]:
    """The last thing that runs is what keeps running: one server itself, or a wait for several."""
    if len(commands) == 1 and not launch.once:
        yield commands[0]
        return
    yield "trap 'kill 0' INT TERM"
    yield from (f"{command} &" for command in commands)
    if launch.once:
        address = _setting(commands[0], "OLLAMA_HOST")
        yield f"until {address}ollama list >/dev/null 2>&1; do sleep 1; done"
        yield from (f"{address}{command}" for command in launch.once)
    yield "wait"


def _setting(command: str, name: str) -> str:
    """The same variable as a command has, for another one that asks the same server."""
    found = next((word for word in command.split() if word.startswith(f"{name}=")), "")
    return f"{found} " if found else ""


def _bare(text: str) -> str:
    """Without what a shell would expand between double quotes."""
    return "".join(each for each in text if each not in '"\\$`}')
