"""The first bytes of files on HTTP servers, by byte ranges: headers without their weights."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final, NoReturn
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from weighbridge.core.errors import (
    ConnectError,
    DeadlineError,
    EndpointError,
    InputError,
    ProtocolError,
    StatusError,
)
from weighbridge.facts.header_bytes import MAX_HEADER_BYTES
from weighbridge.facts.sources.connections import Connections

FIRST_BYTES: Final = 64 * 1024
_LARGEST_REQUEST: Final = 4 * 1024**2
_PIECE: Final = 64 * 1024
_MAX_REDIRECTS: Final = 6
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


def without_secrets(url: str) -> str:
    """A URL as it may be shown: no user, password, query (signatures live there) or fragment."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # no such port, or half an IPv6 address
        return url.partition("?")[0].rpartition("@")[2]
    return urlunsplit((parts.scheme, (parts.hostname or "") + port, parts.path, "", ""))


@dataclass(slots=True)
class _Answer:
    """An answer whose body has not been read yet."""

    url: str
    response: HTTPResponse
    connection: HTTPConnection
    deadline: float

    def header(self, name: str) -> str:
        return self.response.getheader(name) or ""

    def hang_up(self) -> None:
        """Close the connection, and the answer that also holds it."""
        self.response.close()
        self.connection.close()


class RemoteFile:
    """A file on a server, read front to back; a :class:`~weighbridge.facts.header_bytes.Source`.

    The first request tells the size. A server that ignores ranges is read like a stream and hung
    up on as soon as nobody asks for more, at the latest after ``limit`` bytes.

    Args:
        connections: to reuse.
        url: of the file.
        token: sent as bearer token to the server of ``url`` only, never after a redirect elsewhere.
        first_bytes: size of the first request.
        limit: the most bytes that are ever read.

    Raises:
        InputError: the URL is not one, or there is no such file.
        EndpointError: the server fails.
    """

    def __init__(
        self,
        connections: Connections,
        url: str,
        *,
        token: str | None = None,
        first_bytes: int = FIRST_BYTES,
        limit: int = MAX_HEADER_BYTES,
    ) -> None:
        self.name = without_secrets(url)
        self._connections = connections
        self._url = url
        self._token_origin = _origin(url)
        self._token = token
        self._limit = limit
        self._next = first_bytes
        self._buffer = b""
        self._fetched = 0
        self._stream: _Answer | None = None
        self.size = 0
        self.etag = ""
        self._request_range(first=True)

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` further bytes; empty at the end of the file or of the limit."""
        if not self._buffer:
            self._fill(size)
        part, self._buffer = self._buffer[:size], self._buffer[size:]
        return part

    def close(self) -> None:
        """Hang up on an answer that was not read to its end."""
        if self._stream is not None:
            self._stream.hang_up()
            self._stream = None

    def __enter__(self) -> RemoteFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _fill(self, wanted: int) -> None:
        left = min(self.size, self._limit) - self._fetched
        if left <= 0:
            return
        if self._stream is not None:
            self._keep(self._piece(self._stream, min(left, _PIECE)))
            return
        self._next = min(max(wanted, self._next), _LARGEST_REQUEST, left)
        self._request_range(first=False)

    def _keep(self, part: bytes) -> None:
        self._buffer += part
        self._fetched += len(part)

    def _request_range(self, *, first: bool) -> None:
        """One request for the next bytes; the first may turn out to be the whole file."""
        asked = f"bytes={self._fetched}-{self._fetched + self._next - 1}"
        answer = self._follow({"Range": asked})
        try:
            self._take(answer, first=first)
        except BaseException:
            answer.hang_up()
            raise
        self._next *= 2

    def _take(self, answer: _Answer, *, first: bool) -> None:
        status = answer.response.status
        if answer.header("Content-Encoding") not in {"", "identity"}:
            raise ProtocolError(f"{self.name} is sent compressed, although that was declined.")
        if status == 416 and first:  # an empty file has no first byte
            answer.hang_up()
            return
        if status == 206:
            length = self._check_range(answer, first=first)
        elif status == 200 and first:
            self._begin_stream(answer)
            return
        else:
            raise ProtocolError(
                f"{self.name} answered status {status} to a request for further bytes.",
                fix="Download the file and give its path.",
            )
        parts, missing = [], length
        while missing > 0:
            part = self._piece(answer, min(missing, _PIECE))
            parts.append(part)
            missing -= len(part)
        self._keep(b"".join(parts))
        self._recycle(answer)

    def _check_range(self, answer: _Answer, *, first: bool) -> int:
        """Bytes in the answer, after checking that they are those that were asked for."""
        text = answer.header("Content-Range")
        match = _CONTENT_RANGE.fullmatch(text)
        if match is None:
            raise ProtocolError(
                f"{self.name} sent a part without saying which of how many bytes ({text[:60]!r})."
            )
        start, stop, size = (int(group) for group in match.groups())
        etag = answer.header("ETag")
        if not first and (size != self.size or etag != self.etag):
            raise ProtocolError(f"{self.name} changed while it was read.", fix="Try again.")
        if start != self._fetched or not start <= stop < min(size, start + self._next):
            raise ProtocolError(f"{self.name} sent other bytes than asked for ({text[:60]!r}).")
        self.size, self.etag = size, etag
        return stop - start + 1

    def _begin_stream(self, answer: _Answer) -> None:
        """The server ignores ranges: read on from its one answer."""
        length = answer.header("Content-Length")
        if not length.isdecimal() or len(length) > 18:
            raise ProtocolError(
                f"{self.name} does not say how long it is.",
                fix="Download the file and give its path.",
            )
        self.size, self.etag = int(length), answer.header("ETag")
        self._stream = answer

    def _piece(self, answer: _Answer, size: int) -> bytes:
        """Some further bytes of an answer; never none."""
        if time.monotonic() > answer.deadline:
            raise DeadlineError(f"{self.name} is sent too slowly.", fix="Try again later.")
        try:
            part = answer.response.read1(size)
        except TimeoutError as error:
            raise DeadlineError(f"{self.name} stopped sending.", fix="Try again.") from error
        except (OSError, HTTPException) as error:
            raise _broken(self.name, error) from error
        if not part:
            raise ProtocolError(
                f"{self.name} ended after {self._fetched} bytes and a part.", fix="Try again."
            )
        return part

    def _follow(self, headers: Mapping[str, str]) -> _Answer:
        """Ask, follow redirects, and refuse error statuses. The final address is kept."""
        url = self._url
        for _ in range(_MAX_REDIRECTS):
            answer = self._ask(url, headers)
            status = answer.response.status
            if status in _REDIRECTS:
                target = urljoin(url, answer.header("Location"))
                self._drain(answer)
                url = target
                continue
            if status >= 400 and status != 416:
                answer.hang_up()
                self._refuse(status, answer)
            self._url = url
            return answer
        raise ProtocolError(f"{self.name} redirects more than {_MAX_REDIRECTS} times.")

    def _ask(self, url: str, headers: Mapping[str, str]) -> _Answer:
        scheme, netloc, target = _split(url, self.name)
        sent = {"Accept-Encoding": "identity", "User-Agent": "weighbridge", **headers}
        if self._token and _origin(url) == self._token_origin:
            sent["Authorization"] = f"Bearer {self._token}"
        while True:
            connection, used = self._connections.take(scheme, netloc)
            try:
                connection.request("GET", target, headers=sent)
                deadline = time.monotonic() + self._connections.patience.answer_s
                return _Answer(url, connection.getresponse(), connection, deadline)
            except TimeoutError as error:
                connection.close()
                raise DeadlineError(
                    f"{netloc} does not answer.", fix="Check the network, or try again later."
                ) from error
            except (OSError, HTTPException, ValueError) as error:
                connection.close()
                if not used:  # a kept connection may have been closed meanwhile: ask once more
                    raise _unreachable(netloc, error) from error

    def _drain(self, answer: _Answer) -> None:
        """Read a redirect's short text, so that its connection can be used again."""
        length = answer.header("Content-Length")
        if not length.isdecimal() or len(length) > 5:
            answer.hang_up()
            return
        try:
            answer.response.read()
        except (OSError, HTTPException):
            answer.hang_up()
            return
        self._recycle(answer)

    def _recycle(self, answer: _Answer) -> None:
        if answer.response.length == 0:
            answer.response.read()  # only now does the answer let go of its connection
        if answer.response.will_close or not answer.response.isclosed():
            answer.hang_up()
            return
        scheme, netloc, _ = _split(answer.url, self.name)
        self._connections.give_back(scheme, netloc, answer.connection)

    def _refuse(self, status: int, answer: _Answer) -> NoReturn:
        code = answer.header("X-Error-Code")
        if status in {404, 410}:
            raise InputError(f"There is no {self.name} (status {status}).", fix="Check the URL.")
        if code == "GatedRepo" or status in {401, 403}:
            raise StatusError(
                f"{self.name} may not be read without permission (status {status}).",
                status=status,
                fix="Download it while logged in, and give its path.",
            )
        raise StatusError(
            f"{self.name} answered status {status}.", status=status, fix="Try again later."
        )


def _split(url: str, name: str) -> tuple[str, str, str]:
    """Scheme, host with port, and what stands in the request line."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"{name} is not a URL: {error}.", fix="Check it.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ProtocolError(f"{name} leads to {parts.scheme or 'nothing'}:, not to http or https.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = f"{host}:{port}" if port else host
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
        f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    )
    proxied = parts.scheme == "http" and not proxy_bypass(netloc) and getproxies().get("http")
    return parts.scheme, netloc, f"http://{netloc}{target}" if proxied else target


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "", "", None


def _unreachable(netloc: str, error: Exception) -> EndpointError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectError(
            f"The certificate of {netloc} cannot be verified: {error.verify_message}.",
            fix="Set SSL_CERT_FILE to your organisation's certificates.",
        )
    if isinstance(error, HTTPException):
        return ProtocolError(f"{netloc} does not answer in HTTP.", fix="Check the URL.")
    reason = getattr(error, "strerror", None) or error
    return ConnectError(f"{netloc} cannot be reached: {reason}.", fix="Check the network.")


def _broken(name: str, error: Exception) -> EndpointError:
    return ProtocolError(
        f"{name} broke off: {getattr(error, 'strerror', None) or type(error).__name__}.",
        fix="Try again.",
    )
