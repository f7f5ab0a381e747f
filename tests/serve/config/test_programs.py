"""What a configuration needs and this machine does not have is told before it is served."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from weighbridge.core.routing import ModelEntry, RouterConfig
from weighbridge.serve.config import check_config, clients
from weighbridge.serve.config.programs import is_installed, missing_programs, program_of

TEXT = """
listen: 127.0.0.1:0
{line}
models: {{far: {{url: "http://127.0.0.1:1/v1"}}}}
"""


def faults(tmp_path: Path, line: str, environment: dict[str, str] | None = None) -> list[str]:
    text = TEXT.format(line=line)
    checked = check_config(text, tmp_path, origin="text", environment=environment or {})
    return [fault.text for fault in checked.faults]


def missing(entry: ModelEntry) -> list[str]:
    return list(missing_programs(RouterConfig(models={"m": entry})))


def test_programs_that_are_not_here_are_told() -> None:
    assert missing(ModelEntry(cmd="no-such-server --port ${PORT}")) == [
        "'m' cannot start: no-such-server is not on the PATH; install it, or write its whole path."
    ]
    assert "is no program here" in missing(ModelEntry(cmd="/no/such --port ${PORT}"))[0]
    assert missing(ModelEntry(cmd=f"{sys.executable} --port ${{PORT}}")) == []
    assert missing(ModelEntry(url="http://127.0.0.1:1/v1")) == []


def test_programs_of_engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    entry = ModelEntry(engine="vllm", source="org/model")
    assert "vllm is not on the PATH" in missing(entry)[0]
    (tmp_path / "vllm").touch(mode=0o755)
    assert missing(entry) == []
    # A server of Ollama that runs already needs no program of its name.
    assert program_of("m", ModelEntry(engine="ollama", source="m")) == ""
    assert program_of("m", ModelEntry(cmd="${env.HOME}/serve ${PORT}")) == ""


def test_its_own_path_counts(tmp_path: Path) -> None:
    (tmp_path / "serve-it").touch(mode=0o755)
    words = "serve-it --port ${PORT}"
    assert missing(ModelEntry(cmd=words))
    assert missing(ModelEntry(cmd=words, env={"PATH": str(tmp_path)})) == []


def test_traces_that_cannot_be_sent_are_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert faults(tmp_path, "traces: foo") == [
        "this is no address: write for example http://127.0.0.1:4318"
    ]
    good = "traces: http://127.0.0.1:4318"
    monkeypatch.setattr(clients, "is_installed", lambda module: "opentelemetry" not in module)
    assert "OpenTelemetry is not installed" in faults(tmp_path, good)[0]
    assert faults(tmp_path, good, {"OTEL_SDK_DISABLED": "true"}) == []


def test_a_ledger_that_cannot_be_opened_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "is_installed", lambda _: False)
    assert "weighbridge[postgres]" in faults(tmp_path, "ledger: postgresql://db/x")[0]


def test_what_can_be_imported() -> None:
    assert is_installed("json.decoder")
    assert not is_installed("no_such_package.within")
