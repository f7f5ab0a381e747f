from __future__ import annotations

import pytest

from weighbridge.core.errors import EngineError
from weighbridge.engines.failure import OutOfMemoryError, PortTakenError, ended, reason

LLAMACPP = """0.00.1 I srv  load: loading
0.00.2 E srv  load_model: failed to load model, '/m.gguf'
0.00.3 E srv  main: exiting due to model loading error
"""
VLLM = """INFO 11-21 engine starts
Traceback (most recent call last):
  File "x.py", line 1, in <module>
ValueError: The checkpoint you are trying to load has model type `new` but is not recognized.
"""


@pytest.mark.parametrize(
    ("log", "code", "said"),
    [
        (LLAMACPP, 1, "failed to load model, '/m.gguf'"),
        (VLLM, 1, "ValueError: The checkpoint you are trying to load has model type `new` but"),
        ('loading\n{"error": "no such family"}\n', 0, "no such family"),
        ("the last line\n", 1, "the last line"),
        ("", 1, "exit status 1"),
        ("", 139, "signal 11"),
        ("", None, ""),
    ],
)
def test_the_line_that_explains_most(log: str, code: int | None, said: str) -> None:
    assert reason(log, code).startswith(said)
    assert bool(reason(log, code)) == bool(said)


@pytest.mark.parametrize(
    ("log", "code", "kind"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", 1, True),
        ("ggml_backend_cuda_buffer_type_alloc_buffer: failed to allocate CUDA0 buffer", 1, True),
        ("ValueError: No available memory for the cache blocks.", 1, True),
        ("", 137, False),  # the kernel may have killed it for memory, or somebody else did
        ("RuntimeError: wrong shape", 1, False),
    ],
)
def test_running_out_of_memory(log: str, code: int, kind: bool) -> None:
    error = ended("m", log, code, when="by itself")
    assert isinstance(error, OutOfMemoryError) == kind
    assert error.message.startswith("The engine for m ended by itself")
    assert error.for_clients == "The engine for m ended by itself; the gateway's log says why."


def test_a_port_that_is_taken() -> None:
    log = "OSError: [Errno 98] error while attempting to bind: address already in use"
    assert isinstance(ended("m", log, 1, when="while it started"), PortTakenError)


def test_a_missing_package_is_told_with_its_name() -> None:
    log = '{"error": "the package xllamacpp is not installed", "extra": "demo"}'
    error = ended("m", log, 0, when="while it started")
    assert type(error) is EngineError
    assert "weighbridge[demo]" in error.fix
