"""What a browser is shown that opens the admin address: where the live page is."""

from __future__ import annotations

from html import escape
from typing import Final

from weighbridge.core.http import Headers

HEADERS: Final[Headers] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; img-src data:"),
    (b"cache-control", b"no-store"),
)
HINT: Final = "The live page is shown by `weigh ui`, at /gateway."

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Admin address of a Weighbridge gateway</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem }}
body {{ margin: 3rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.3rem }}
code {{ font-family: ui-monospace, monospace; overflow-wrap: anywhere }}
</style>
</head>
<body>
<h1>This is the admin address of a Weighbridge gateway</h1>
<p>It is for programs. The live page, with the models, their memory, budgets and buttons to start
and stop engines, is shown by <code>weigh ui</code>: run</p>
<p><code>weigh ui --gateway {address}</code></p>
<p>on this machine and open its page <em>Gateway</em>. In a terminal
<code>weigh gateway {address}</code> prints the same.</p>
</body>
</html>
"""


def wants_page(accept: bytes) -> bool:
    """Whether a browser asks, to show what it gets."""
    return b"text/html" in accept.lower()


def page(address: str) -> bytes:
    """The page.

    Args:
        address: under which the browser found it.
    """
    return _PAGE.format(address=escape(address)).encode()
