"""Who may look: a guard around the whole application, before any route.

The pages show prompts and answers, so a site open in another tab must not reach them. The Host
header defeats DNS rebinding, Origin and the headers of each answer defeat cross-site reading, and
the token keeps other people of the network, or other users of the machine, out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Says no: HTTP status, sentence, fix -> page.
Refuse = Callable[[int, str, str], str]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_WILDCARDS = ("0.0.0.0", "::", "")  # noqa: S104 -- recognised here, not bound
_METHODS = ("GET", "HEAD")
# What is more than reading: what the buttons of the gateway's page ask, and raters' votes.
_RATERS = "/rate/by/"
_STUDIES = "/study/"
_ACTIONS = ("/gateway/models/", _STUDIES, _RATERS)
# Where the guard notes, for the routes behind it, that a visitor has shown the token.
_ADMITTED = "weighbridge.admitted"
# Scripts of other sites may not send it, unless we said so beforehand, and forms cannot at all.
_ACTING = "x-weighbridge-ui"
_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Binding:
    """The address that the server listens on, and so the names by which browsers may call it.

    Attributes:
        host: name or address; ``0.0.0.0`` and ``::`` stand for all of this machine's.
        port: the port.
        machine: this machine's own host name, used with all of its addresses.
        public: the origin by which browsers call it through a proxy, like
            ``https://rate.example.org``; empty where there is none.
    """

    host: str
    port: int
    machine: str = ""
    public: str = ""

    def allows(self, authority: str) -> bool:
        """Whether a Host header names this server."""
        if self.public and authority.lower() == self.public.partition("://")[2]:
            return True
        match = _AUTHORITY.fullmatch(authority)
        if match is None or int(match[3] or 80) != self.port:
            return False
        name = (match[1] or match[2]).lower()
        if name in LOOPBACK or name == self.host.lower():
            return True
        return self.host in _WILDCARDS and (_is_address(name) or self._is_machine(name))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK and not self.public

    def is_own(self, origin: str, authority: str) -> bool:
        """Whether a request with this Origin, to this Host, comes from a page of this server."""
        return origin in (f"http://{authority}", self.public or None)

    def _is_machine(self, name: str) -> bool:
        own = self.machine.lower().partition(".")[0]
        return bool(own) and name.partition(".")[0] == own


def may_act(request: Request) -> bool:
    """Whether this visitor may run studies: on this machine, with the token shown."""
    return bool(request.scope.get(_ADMITTED))


class Guard:
    """ASGI middleware that refuses what is not for us and adds the security headers.

    Args:
        app: the application behind it.
        binding: where the server listens.
        token: what visitors must show, or None where there is none.
        open_to_read: whether the loopback address is protection enough for reading; running
            studies needs the token all the same, for a machine may have other users.
        policy: the Content-Security-Policy of every answer.
        refuse: makes the page that says no.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        binding: Binding,
        token: str | None,
        policy: str,
        refuse: Refuse,
        open_to_read: bool = False,
    ) -> None:
        self._app = app
        self._open_to_read = open_to_read
        self._binding = binding
        self._token = token or None
        self._refuse = refuse
        self._headers = {
            "content-security-policy": policy,
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            answer = self._answer(scope) or self._app
            await answer(scope, receive, self._with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})

    def _answer(self, scope: Scope) -> Response | None:
        """The answer that keeps a request out, or None to let it in."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            return self._page(400, "The request names no host, or more than one.")
        if not self._binding.allows(hosts[0]):
            return self._page(
                421,
                "This server does not go by the name in the address.",
                f"Use the address that `weigh ui` printed; its port is {self._binding.port}.",
            )
        if not all(self._binding.is_own(one, hosts[0]) for one in headers.getlist("origin")):
            return self._page(403, "Requests from other sites are refused.")
        if scope["method"] == "POST" and scope["path"].startswith(_ACTIONS):
            if refused := self._why_not_act(scope["path"], headers):
                return self._page(403, refused)
        elif scope["method"] not in _METHODS:
            refusal = self._page(405, "These pages can only be read.")
            refusal.headers["allow"] = ", ".join(_METHODS)
            return refusal
        return self._admission(scope, headers)

    def _why_not_act(self, path: str, headers: Headers) -> str:
        """Why a POST is refused; empty where it is not."""
        # A browser always says of a script's POST where it comes from.
        if len(headers.getlist("origin")) != 1 or _ACTING not in headers:
            return "Only the buttons of these pages may do that."
        if path.startswith(_STUDIES) and not self._binding.is_loopback:
            return "Studies are run from the machine that these pages are on."
        return ""

    def _admission(self, scope: Scope, headers: Headers) -> Response | None:
        """None when the token is not needed or was shown; a redirect that turns it to a cookie."""
        path: str = scope["path"]
        acts = scope["method"] not in _METHODS and path.startswith(_STUDIES)
        # Health and assets say nothing about the workspace; a rater's link has a secret of its own.
        open_to_all = path == "/health" or path.startswith(("/static/", _RATERS))
        if not acts and (self._token is None or open_to_all):
            return None
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = [value for name, value in pairs if name == "token"]
        if shown and self._matches(shown[0]):
            rest = urlencode([pair for pair in pairs if pair[0] != "token"])
            # One slash exactly: `//name` would lead to another server.
            target = "/" + quote(path.lstrip("/")) + (f"?{rest}" if rest else "")
            redirect = RedirectResponse(target, status_code=303)
            redirect.set_cookie(self._cookie, self._ticket, httponly=True, samesite="strict")
            return redirect
        if self._has_shown(headers):
            scope[_ADMITTED] = self._binding.is_loopback
            return None
        if self._open_to_read and not acts:
            return None
        refusal = self._page(
            401,
            "These pages need a token.",
            "Open the address that `weigh ui` printed; it ends in the token.",
        )
        refusal.headers["www-authenticate"] = "Bearer"
        return refusal

    def _has_shown(self, headers: Headers) -> bool:
        if self._token is None:
            return False
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._matches(bearer.strip()):
            return True
        return hmac.compare_digest(_cookie(headers, self._cookie).encode(), self._ticket.encode())

    def _matches(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode(), (self._token or "").encode())

    @property
    def _cookie(self) -> str:
        # Cookies ignore ports, so two servers on one machine would overwrite each other's.
        return f"weighbridge_{self._binding.port}"

    @property
    def _ticket(self) -> str:
        """What the cookie holds: proof of the token, in characters that every cookie can hold."""
        return hashlib.sha256((self._token or "").encode()).hexdigest()

    def _page(self, status: int, sentence: str, fix: str = "") -> Response:
        return HTMLResponse(self._refuse(status, sentence, fix), status_code=status)

    def _with_headers(self, send: Send) -> Send:
        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        return wrapped


def content_policy(style_hashes: tuple[str, ...]) -> str:
    """The Content-Security-Policy of the live pages: our own files, and nothing inline.

    Forms and scripts may ask this server, which only ever reads, but for the gateway's buttons.

    Args:
        style_hashes: the style elements that the chart library makes.
    """
    styles = " ".join(("'self'", *style_hashes))
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            f"style-src {styles}",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def _cookie(headers: Headers, name: str) -> str:
    for line in headers.getlist("cookie"):
        try:
            morsel = SimpleCookie(line).get(name)
        except CookieError:
            continue
        if morsel is not None:
            return morsel.value
    return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
