from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.fakes.gateway import FakeGateway
from weighbridge.cli.gateway_print import print_gateway


@pytest.mark.parametrize("width", [80, 160])
def test_it_fits_and_says_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_gateway(FakeGateway().view())
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    table = out.partition("Of late")[0]
    assert "\u2500" * 60 in table, "a table, not a block of lines per model"
    for said in ("tally", "5.00 GiB used", "of 6.00 GiB", "of 3", "servers well", "42.0 ms"):
        assert said in table


def test_what_is_unknown_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    view = replace(
        FakeGateway().view(), budgets=(), routes=(), recent=(), ttft_ms=(), memory_bytes=None
    )
    print_gateway(replace(view, config_error="`modles` is unknown."))
    out = capsys.readouterr().out
    assert "no answers yet" in out
    assert "the one on disk is not in use: `modles` is unknown." in out
    for missing in ("Budgets", "Routes", "Recent", "24.00 GiB"):
        assert missing not in out
