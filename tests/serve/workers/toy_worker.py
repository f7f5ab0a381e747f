"""A worker that does as it is told by the configuration's first model name, over its channel."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

from weighbridge.serve.workers.messages import (
    Ask,
    Channel,
    Configured,
    Drain,
    Figures,
    Listening,
    Message,
    Ping,
    Pong,
    Say,
    Told,
)


async def work(descriptor: int) -> None:
    over = asyncio.Event()

    def receive(message: Message) -> None:
        match message:
            case Configured():
                name = next(iter(message.config.models))
                if name == "dies":
                    os._exit(3)
                if name != "silent":
                    channel.send(Listening())
                    channel.send(Figures(b"%d" % os.getpid(), {"open": 2}))
                    channel.send(Say(f"works as {name}"))
                    channel.send(Ask(1, "metrics"))
            case Told():
                channel.send(Say("told " + message.body.decode()))
            case Ping():
                channel.send(Pong())
            case Drain():
                over.set()

    channel = Channel(receive, over.set)
    sock = socket.socket(fileno=descriptor)
    await asyncio.get_running_loop().create_connection(lambda: channel, sock=sock)
    await over.wait()


if __name__ == "__main__":
    asyncio.run(work(int(sys.argv[-1])))
