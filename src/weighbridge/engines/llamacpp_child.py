"""The program inside the embedded engine's child process: llama.cpp's own HTTP server.

Started as ``python -m weighbridge.engines.llamacpp_child PARENT_PID SPEC_JSON``; prints one line,
``{"url": …}`` when it serves or ``{"error": …}``, and lives until its parent closes its input. With
0 for the parent, a guardian looks after it and its input means nothing.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

from weighbridge.engines.lifeline import die_with_parent


def _parameters(spec: dict[str, Any]) -> Any:  # noqa: ANN401 -- xllamacpp ships no types
    import xllamacpp  # noqa: PLC0415 -- an optional extra, and only this process needs it

    parameters = xllamacpp.CommonParams()
    parameters.model.path = spec["source"]
    parameters.model_alias = {spec["model"]}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = spec.get("port", 0)
    # llama.cpp divides n_ctx among its slots.
    parameters.n_ctx = spec["context"] * spec["slots"]
    parameters.n_parallel = spec["slots"]
    parameters.endpoint_metrics = parameters.endpoint_slots = parameters.endpoint_props = True
    threads = spec["threads"] or os.cpu_count() or 1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    return parameters


def main() -> None:
    """Serve until the parent lets go."""
    if parent := int(sys.argv[1]):
        die_with_parent(parent)
    spec = json.loads(sys.argv[2])
    try:
        import xllamacpp  # noqa: PLC0415 -- as above

        server = xllamacpp.Server(_parameters(spec))
    except ImportError:
        print(json.dumps({"error": "the package xllamacpp is not installed", "extra": "demo"}))
        return
    except Exception as error:  # noqa: BLE001 -- native code; the parent turns it into a sentence
        print(json.dumps({"error": str(error)}))
        return
    print(json.dumps({"url": server.listening_address}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
