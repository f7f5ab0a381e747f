"""``weigh bench --self-test``: the table of the client's own error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import EXTERNAL, OK, printable, run_async
from weighbridge.cli.options import print_json

if TYPE_CHECKING:
    from weighbridge.core.self_test import SelfTestLevel

_COLUMNS = [
    *("<users", "requests", "rate kept"),
    *("TTFT error p50", "p99", "ITL error p50", "p99"),
    *("CPU per 1,000 tokens", "server late p99", "<trusted"),
]


# Of fewer, most of the CPU goes into starting and waiting, whatever the number of tokens.
_LEAST_USERS = 16


def _cpu(level: SelfTestLevel) -> str:
    return f"{level.cpu_ms_per_1000_tokens:.1f} ms" if level.concurrency >= _LEAST_USERS else "–"


def show_self_test(*, as_json: bool) -> int:
    """Run the test and print it; the exit code says whether the client can be trusted at all."""
    import msgspec  # noqa: PLC0415 -- not for --help

    from weighbridge.cli.progress import progress_display  # noqa: PLC0415
    from weighbridge.cli.tables import print_table  # noqa: PLC0415
    from weighbridge.core.self_test import SelfTest  # noqa: PLC0415
    from weighbridge.verbs.bench import measure_quietly  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.verbs.self_test import self_test  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    async def work() -> SelfTest:
        with progress_display() as progress:
            async with Client() as client:
                clock = SystemClock()
                measure = measure_quietly(client, clock)
                return await self_test(client, clock, measure, progress=progress)

    test = run_async(work(), interrupted="Interrupted; a self-test keeps nothing.")
    if as_json:
        print_json(msgspec.to_builtins(test))
        return OK if test.holds else EXTERNAL
    rows = [
        [
            str(level.concurrency),
            str(level.requests),
            f"{100 * level.rate_kept:.1f} %",
            *(
                f"{error:+.2f} ms"
                for error in (
                    level.ttft_error_ms_p50,
                    level.ttft_error_ms_p99,
                    level.itl_error_ms_p50,
                    level.itl_error_ms_p99,
                )
            ),
            _cpu(level),
            f"{level.server_late_ms_p99:.2f} ms",
            "yes" if level.is_trustworthy else "no",
        ]
        for level in test.levels
    ]
    caption = (
        f"Error: reported minus true. Of fewer than {_LEAST_USERS} users, CPU goes mostly into "
        f"waiting, so it is left out. measured · {test.date} · {test.machine}"
    )
    print_table("The load client's own error", _COLUMNS, rows, caption=caption)
    click.echo(printable(test.sentence))
    return OK if test.holds else EXTERNAL
