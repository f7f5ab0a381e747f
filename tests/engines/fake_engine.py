"""A program that looks like vLLM, SGLang, Ollama or TensorRT-LLM to those who start and ask it.

It reads the port from its arguments as that engine does, logs every request as a line in the file
that ``FAKE_LOG`` names, and starts a worker in a session of its own, as engines do. ``FAKE`` says
what it does wrong, if anything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ARGS = sys.argv[1:]
LOG = Path(os.environ["FAKE_LOG"])
FAULT = os.environ.get("FAKE", "")
STATE: dict[str, Any] = {"asleep": False, "loaded": False, "weights": True}


def option(name: str, default: str = "") -> str:
    return ARGS[ARGS.index(name) + 1] if name in ARGS else default


NAME = option("--served-model-name") or option("--alias") or "its-own-name"
if FAULT == "other name":
    NAME = "somebody-else"


def say(line: str) -> None:
    with LOG.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/v1/models":
            self.answer(200, {"data": [{"id": NAME}]})
        elif path == "/api/ps":
            model = {"name": STATE["loaded"], "model": STATE["loaded"], "size": 1234567}
            self.answer(200, {"models": [model] if STATE["loaded"] else []})
        elif path == "/is_sleeping":
            self.answer(200, {"is_sleeping": STATE["asleep"]})
        else:
            self.answer(200, {"ok": True})

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode()
        say(f"{self.path} {body}".strip())
        document = json.loads(body) if body else {}
        path = urlsplit(self.path).path
        if path == "/api/generate":
            self.generate(document)
        elif path in ("/sleep", "/wake_up"):
            STATE["asleep"] = path == "/sleep"
            self.answer(500 if FAULT == "no sleep" else 200, {})
        elif path in ("/collective_rpc", "/reset_prefix_cache"):
            self.answer(200, {})
        elif FAULT == "embeddings only" and path != "/v1/embeddings":
            self.answer(400, {"error": {"message": "this model does not generate"}})
        elif FAULT == "broken":
            self.answer(500, {"error": {"message": "CUDA error: an illegal memory access"}})
        else:
            self.answer(200, {"choices": [{"text": "x"}]})

    def generate(self, document: dict[str, Any]) -> None:
        if document["model"] == "unknown":
            self.answer(404, {"error": "model 'unknown' not found"})
            return
        STATE["loaded"] = False if document.get("keep_alive") == 0 else document["model"]
        global NAME  # noqa: PLW0603 -- what Ollama lists is what it was asked for
        NAME = document["model"]
        self.answer(200, {"done": True})


def main() -> None:
    say(f"argv {json.dumps(ARGS)}")
    if FAULT == "out of memory":
        print("INFO loading", file=sys.stderr)
        print("torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB", file=sys.stderr)
        sys.exit(1)
    if FAULT == "never ready":
        print("still compiling kernels", file=sys.stderr, flush=True)
        time.sleep(600)
    if FAULT == "port taken once" and not LOG.with_suffix(".taken").exists():
        LOG.with_suffix(".taken").touch()
        print("OSError: [Errno 98] Address already in use", file=sys.stderr)
        sys.exit(1)
    worker = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    say(f"worker {worker.pid}")
    host = os.environ.get("OLLAMA_HOST", "")
    port = option("--port") or host.rpartition(":")[2] or os.environ.get("PORT", "0")
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
