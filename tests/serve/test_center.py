from __future__ import annotations

from weighbridge.core.routing import MachineEntry, RouterConfig, Tls
from weighbridge.serve.center import only_at_start

OLD = RouterConfig({}, tls=Tls("a.pem", "a.key"), machine=MachineEntry(memory="8 GiB"))


def test_what_a_reload_cannot_change_is_named() -> None:
    certificate = RouterConfig({}, tls=Tls("b.pem", "b.key"), machine=MachineEntry(memory=1))
    assert only_at_start(certificate, OLD) == []
    other = RouterConfig({}, workers=2, log="stderr", machine=MachineEntry(device="cpu"))
    assert only_at_start(other, OLD) == ["workers", "log", "tls", "machine.device"]
