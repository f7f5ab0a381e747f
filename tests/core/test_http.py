from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import InputError
from weighbridge.core.http import ResponseHead, Url, parse_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:8000", Url("http", "localhost", 8000, "/")),
        ("http://127.0.0.1:8000/v1", Url("http", "127.0.0.1", 8000, "/v1")),
        ("https://api.example.com/v1/", Url("https", "api.example.com", 443, "/v1/")),
        ("HTTP://Example.COM", Url("http", "example.com", 80, "/")),
        ("http://[::1]:8080", Url("http", "::1", 8080, "/")),
        ("http://host:/v1", Url("http", "host", 80, "/v1")),
    ],
)
def test_addresses_are_split(text: str, expected: Url) -> None:
    assert parse_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "ftp://host/",
        "file:///etc/passwd",
        "http://host:99999",
        "http://host:0",
        "http://host:port",
        "http://[::1",
        "http://user@host/",
        "http://:secret@host/",
        "http://host/?key=1",
        "http://host/#part",
        "http://ho st/",
        "http://host/\r\nX: y",
        "http://höst/",
        "http://host/\x7f",
    ],
)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_url(text)
    assert "http://127.0.0.1:8000/v1" in caught.value.fix


_HOSTS = st.one_of(
    st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z]{2,5}){0,2}", fullmatch=True),
    st.ip_addresses().map(str),
)
_URLS = st.builds(
    Url,
    st.sampled_from(["http", "https"]),
    _HOSTS,
    st.integers(1, 65535),
    st.from_regex(r"/([a-z0-9._~%-]{0,5}/?){0,3}", fullmatch=True),
)


@given(_URLS)
def test_an_address_written_out_is_read_back(url: Url) -> None:
    assert parse_url(str(url)) == url


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_an_input_error(text: str) -> None:
    try:
        url = parse_url(text)
    except InputError:
        return
    assert parse_url(str(url)) == url


@pytest.mark.parametrize("base", ["/v1", "/v1/"])
@pytest.mark.parametrize("path", ["models", "/models"])
def test_joined_paths_have_one_slash_between(base: str, path: str) -> None:
    joined = Url("http", "h", 1, base).join(path)
    assert str(joined) == "http://h:1/v1/models"


def test_the_origin_of_an_ipv6_address_has_brackets() -> None:
    assert Url("http", "::1", 8080, "/v1").origin == "http://[::1]:8080"


def test_a_header_is_looked_up_and_its_first_value_taken() -> None:
    head = ResponseHead(200, ((b"a", b"1"), (b"b", b"2"), (b"a", b"3")))
    assert (head.header(b"a"), head.header(b"c")) == (b"1", b"")
