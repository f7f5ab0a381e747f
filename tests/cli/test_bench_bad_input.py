"""What `weigh bench` says to endpoints that are wrong: one sentence, its fix, the exit code."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from tests.cli.runner import Outcome, runs, weigh
from tests.cli.test_bad_input import assert_one_sentence
from tests.fakes.llm_server import HTML, UNAUTHORIZED, Behaviour, Choose, fake_llm_thread

QUICK = ("--concurrency", "2", "--requests", "12", "--metrics", "off", "--workers", "1")


def bench(url: str, folder: Path, *more: str, model: str = "fake") -> Outcome:
    return weigh("bench", url, "--model", model, *QUICK, *more, cwd=folder)


def assert_refused(outcome: Outcome, folder: Path, code: int, *words: str) -> None:
    assert_one_sentence(outcome, code, *words)
    assert runs(folder) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:9/v1", ("127.0.0.1:9", "refused", "Is the server running")),
        ("http://no-such-host.invalid/v1", ("no-such-host.invalid", "not known")),
        ("https://127.0.0.1:9/v1", ("https://127.0.0.1:9", "refused")),
    ],
)
def test_nobody_there(url: str, words: tuple[str, ...], tmp_path: Path) -> None:
    assert_refused(bench(url, tmp_path), tmp_path, 3, *words)


@pytest.mark.parametrize(
    ("behaviour", "words", "more"),
    [
        (UNAUTHORIZED, ("status 401", "Give the API key"), ()),
        (UNAUTHORIZED, ("status 401", "Is the API key right"), ("--key", "wrong")),
        (HTML, ("answered with HTML", "/v1"), ()),
        (Behaviour("status", status=404, body=b'{"error":{"message":"The model does not exist"}}'),
         ("status 404", "The model does not exist", "Is the model's name 'fake' right"), ()),
        (Behaviour("status", status=404, body=b'{"detail":"Not Found"}'),
         ("status 404", "Not Found", "/v1"), ()),
        (Behaviour("status", status=307, body=b""),
         ("status 307", "Redirects are not followed"), ()),
        (Behaviour("status", status=429), ("status 429", "fewer requests"), ()),
        (Behaviour("cut_midway"), ("closed the connection in the middle", "log"), ()),
        (Behaviour(done=False, finish_reason=""), ("cut its answer", "log"), ()),
        (Behaviour(error_after=2), ("reported an error: made to fail",), ()),
        (Behaviour("hang_midway"), ("sent nothing for 0.3 s", "allow more time"),
         ("--timeout", "0.3")),
        (Behaviour(tokens=100_000, delay_s=0.01), ("did not finish its answer within 0.5 s",
         "allow more time"), ("--total-timeout", "0.5")),
        (Behaviour("json", body=b'{"choices":[{"message":{"role":"assistant","content":"hi"},'
                                b'"finish_reason":"stop"}],"usage":{"completion_tokens":1}}'),
         ("all at once", "stream"), ()),
        (Behaviour("json", body=b'{"response":"hi"}'), ("other JSON", "/v1"), ()),
    ],
    ids=[
        "no key", "wrong key", "html", "no model", "no path", "redirect", "busy", "cut",
        "cut by a proxy", "error midway", "silent midway", "endless", "no stream", "other json",
    ],
)  # fmt: skip
def test_first_answers_that_are_wrong(
    behaviour: Choose, words: tuple[str, ...], more: tuple[str, ...], tmp_path: Path
) -> None:
    with fake_llm_thread(behaviour) as url:
        outcome = bench(url, tmp_path, *more)
    assert_refused(outcome, tmp_path, 3, *words)


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with fake_llm_thread(model="tally") as url:
        outcome = bench(url, tmp_path)
    assert_refused(outcome, tmp_path, 2, "does not serve 'fake'", "tally", "--model")


def test_a_wrong_path(tmp_path: Path) -> None:
    with fake_llm_thread() as url:
        outcome = bench(url.replace("/v1", "/api/v1"), tmp_path)
    assert_refused(outcome, tmp_path, 3, "/api/v1/chat/completions", "status 404", "/v1")


Answer = Callable[[socket.socket, int], bool]


def end_accepting(listener: socket.socket, accepting: threading.Thread) -> None:
    """Close a listener at which a thread waits.

    Closing it at once leaves the thread waiting; interrupted, it goes on to wait at whichever
    socket has that number by then, and answers for another server.
    """
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    accepting.join(10)
    listener.close()


class ThreadServer:
    """Answers with threads: ``answer`` writes to request n, and tells whether to live on."""

    def __init__(self, answer: Answer, metrics: Callable[[], bytes] | None) -> None:
        self._answer = answer
        self._metrics = metrics
        self._count = 0
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def die(self) -> None:
        """Close everything."""
        end_accepting(self._listener, self._accepting)
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        read = b""
        try:
            while data := connection.recv(65536):
                read += data
                head, blank, body = read.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
                if blank and len(body) >= length:
                    read = body[length:]
                    self._respond(connection, head)
        except OSError:
            return

    def _respond(self, connection: socket.socket, head: bytes) -> None:
        if head.startswith(b"GET"):
            found = self._metrics is not None and head.startswith(b"GET /metrics")
            body = self._metrics() if found and self._metrics is not None else b""
            status = b"200 OK" if found else b"404 Not Found"
            line = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s"
            connection.sendall(line % (status, len(body), body))
            return
        with self._lock:
            number, self._count = self._count, self._count + 1
        if not self._answer(connection, number):
            self.die()


@contextmanager
def serving(answer: Answer, metrics: Callable[[], bytes] | None = None) -> Iterator[str]:
    """The address of such a server."""
    server = ThreadServer(answer, metrics)
    try:
        yield server.url
    finally:
        server.die()


def stream(*words: str, end: bool = True) -> bytes:
    """A whole answer with its head."""
    chunks = [{"choices": [{"delta": {"content": word}}]} for word in words]
    ends = [{"choices": [{"delta": {}, "finish_reason": "stop"}]}] if end else []
    usage = {"prompt_tokens": 3, "completion_tokens": len(words)}
    events = [*chunks, *ends, {"choices": [], "usage": usage}]
    body = b"".join(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events)
    body += b"data: [DONE]\n\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def level_of(outcome: Outcome) -> dict[str, object]:
    assert outcome.code == 0, outcome.err
    assert "Traceback" not in outcome.err
    level = json.loads(outcome.out)["levels"][0]
    assert isinstance(level, dict)
    return level


def test_a_server_that_dies_in_the_middle(tmp_path: Path) -> None:
    """What was measured until then is kept, and the headline says that most requests failed."""

    def answer(connection: socket.socket, number: int) -> bool:
        whole = stream("a", "b", "c")
        if number < 10:
            connection.sendall(whole)
            return True
        connection.sendall(whole[: len(whole) // 2])
        return False

    with serving(answer) as url:
        outcome = bench(url, tmp_path, "--requests", "40", "--json")
    level = level_of(outcome)
    assert level["requests"] == 40
    errors = level["errors"]
    assert isinstance(errors, int)
    assert 30 <= errors <= 32
    assert f"{errors} of 40 requests failed" in outcome.err
    assert "refused" in outcome.err or "closed the connection" in outcome.err
    assert len(runs(tmp_path)) == 1
    assert level["ttft_ms"] is not None


@pytest.mark.parametrize("behaviour", [Behaviour(tokens=0), Behaviour(text="")])
def test_answers_of_no_content(behaviour: Choose, tmp_path: Path) -> None:
    """No failure, but nothing that could be timed either: said, and no number made up."""
    with fake_llm_thread(behaviour) as url:
        outcome = bench(url, tmp_path, "--json")
    level = level_of(outcome)
    assert (level["requests"], level["errors"]) == (12, 0)
    assert "ttft_ms" not in level
    assert "itl_ms" not in level
    assert "no answer had any content" in outcome.err


def test_few_errors_are_counted_but_no_headline(tmp_path: Path) -> None:
    def answer(connection: socket.socket, number: int) -> bool:
        whole = stream("a", "b", "c")
        connection.sendall(whole if number != 57 else stream("a", end=False)[:-40])
        if number == 57:
            connection.close()
        return True

    with serving(answer) as url:
        outcome = bench(url, tmp_path, "--requests", "150", "--json")
    assert level_of(outcome)["errors"] == 1
    assert "requests failed" not in outcome.err.partition("\n")[0]


def test_streams_cut_now_and_then_are_errors_of_one_kind(tmp_path: Path) -> None:
    def choose(_: object, number: int) -> Behaviour:
        return Behaviour("cut_midway") if number % 4 == 3 else Behaviour()

    with fake_llm_thread(choose) as url:
        outcome = bench(url, tmp_path, "--requests", "40", "--json")
    level = level_of(outcome)
    errors = level["errors"]
    assert isinstance(errors, int)
    assert 8 <= errors <= 12
    assert f"{errors} of 40 requests failed" in outcome.err


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    made = tmp_path / "both.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout - -out -"
    )
    try:
        pem = subprocess.run(command.split(), capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("openssl makes no certificate here")
    made.write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made)
    folder = tmp_path / "work"
    folder.mkdir()

    def shake(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True):
                    pass
            except ssl.SSLError:
                continue
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        shaking = threading.Thread(target=shake, args=(listener,), daemon=True)
        shaking.start()
        outcome = bench(f"https://127.0.0.1:{listener.getsockname()[1]}/v1", folder)
        end_accepting(listener, shaking)
    assert_refused(outcome, folder, 3, "no TLS connection", "certificate")


def test_a_redirect_names_where_it_leads(tmp_path: Path) -> None:
    def answer(connection: socket.socket, _: int) -> bool:
        connection.sendall(
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://elsewhere.example/v1\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        return True

    with serving(answer) as url:
        outcome = bench(url, tmp_path)
    assert_refused(
        outcome, tmp_path, 3,
        "status 307", "give the address it redirects to, https://elsewhere.example/v1.",
    )  # fmt: skip


def test_a_metrics_page_that_is_none_does_no_harm(tmp_path: Path) -> None:
    with fake_llm_thread() as url:
        outcome = weigh("bench", url, "--model", "fake", *QUICK[:4], "--json", cwd=tmp_path)
    assert level_of(outcome)["errors"] == 0


def test_a_server_that_others_use_too(tmp_path: Path) -> None:
    """Its counters then tell of them as well, and that is said."""
    finished = [0]

    def answer(connection: socket.socket, number: int) -> bool:
        del number
        finished[0] += 2
        connection.sendall(stream("a", "b", "c"))
        return True

    def page() -> bytes:
        return f"vllm:request_success_total {finished[0]}\n".encode()

    with serving(answer, page) as url:
        words = ("--concurrency", "2", "--requests", "12", "--workers", "1", "--json")
        outcome = weigh("bench", url, "--model", "fake", *words, cwd=tmp_path)
    server = level_of(outcome)["server"]
    assert isinstance(server, dict)
    assert (server["engine"], server["requests"]) == ("vLLM", 24)
    assert "the server finished 24 requests, of which at most 12 were ours" in outcome.err
