"""What engines do not inherit, and what administrators see counted: with programs that run."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from weighbridge.core.http import Request, Timeouts, parse_url
from weighbridge.serve.config import parse_config
from weighbridge.verbs.serve import gateway
from weighbridge.wire.client import Client

# Answers every question with its environment.
PROGRAM = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/v1/models":
            self.say({"object": "list", "data": [{"id": "m", "object": "model"}]})
        else:
            self.say(dict(os.environ))
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        message = {"role": "assistant", "content": json.dumps(dict(os.environ))}
        choice = {"index": 0, "message": message, "text": "x", "finish_reason": "stop"}
        self.say({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]})
    def say(self, document):
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
CONFIG = """
models:
  m:
    cmd: {python} {program} ${{PORT}}
    env: {{WB_TEST_WANTED: "${{env.WB_TEST_WANTED}}"}}
  far: {{url: "http://127.0.0.1:9", key_env: WB_TEST_FAR}}
keys:
  - ${{env.WB_TEST_INLINE}}
  - {{name: bob, env: WB_TEST_BOB}}
  - {{name: own, env: WB_TEST_WANTED}}
"""
TOKENS = {
    "WB_TEST_INLINE": "wb-inline-secret-token",
    "WB_TEST_BOB": "wb-bobs-secret-token",
    "WB_TEST_WANTED": "wb-wanted-secret-token",
    "WB_TEST_FAR": "sk-of-another-server",
    "WEIGHBRIDGE_ADMIN_KEY": "wb-admin-secret-token",
    "WB_TEST_PLAIN": "plain",
}


def test_engines_do_not_inherit_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in TOKENS.items():
        monkeypatch.setenv(name, text)
    program = tmp_path / "server.py"
    program.write_text(PROGRAM)
    text = CONFIG.format(python=sys.executable, program=program)

    async def scenario() -> tuple[dict[str, str], str]:
        config = parse_config(text, tmp_path, origin="text")
        async with Client() as client, gateway(config, tmp_path, client, port=0) as running:
            url = parse_url(f"{running.url}/v1/chat/completions")
            key = (b"authorization", f"Bearer {TOKENS['WB_TEST_BOB']}".encode())
            body = b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}'
            answer = await client.fetch(Request("POST", url, (key,), body), Timeouts())
            assert answer.head.status == 200, answer.body
            seen = json.loads(answer.body)["choices"][0]["message"]["content"]
            return json.loads(seen), running.center.metrics().decode()

    seen, metrics = asyncio.run(scenario())
    assert {name for name in TOKENS if name in seen} == {"WB_TEST_WANTED", "WB_TEST_PLAIN"}
    assert not set(seen.values()) & (set(TOKENS.values()) - {"plain", TOKENS["WB_TEST_WANTED"]})
    assert 'weighbridge_engine_starts_total{model="m"} 1' in metrics
