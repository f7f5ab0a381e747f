from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.report.rating_markdown import TAGS, Node, nodes_of, spans


def texts(node: Node) -> str:
    return node if isinstance(node, str) else "".join(map(texts, node[1:]))


def tags(node: Node) -> list[str]:
    if isinstance(node, str):
        return []
    first = node[0]
    assert isinstance(first, str)
    return [first, *(tag for child in node[1:] for tag in tags(child))]


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("Hello", [["p", "Hello"]]),
        ("a\nb\n\nc", [["p", "a", ["br"], "b"], ["p", "c"]]),
        ("# T\n#### U ##", [["h3", "T"], ["h5", "U"]]),
        ("```py\nx = '<b>'\n\n# no\n```\nrest",
         [["pre", ["code", "x = '<b>'\n\n# no"]], ["p", "rest"]]),
        ("```\nnever closed", [["pre", ["code", "never closed"]]]),
        ("- a\n- **b**\n  more", [["ul", ["li", "a"], ["li", ["strong", "b"], ["br"], "more"]]]),
        ("3. a\n4. b", [["ol", ["li", "3. a"], ["li", "4. b"]]]),
        ("> q\n> r", [["blockquote", ["p", "q", ["br"], "r"]]]),
        ("|a|b|\n|--|:-:|\n|1|`2`|",
         [["table", ["tr", ["th", "a"], ["th", "b"]], ["tr", ["td", "1"], ["td", ["code", "2"]]]]]),
        ("---", [["hr"]]),
        ("[a](http://b) ![c](d)", [["p", "[a](http://b) ![c](d)"]]),
        ("<script>x</script>", [["p", "<script>x</script>"]]),
        ("    code", [["pre", ["code", "code"]]]),
    ],
)  # fmt: skip
def test_blocks(text: str, nodes: list[Node]) -> None:
    assert nodes_of(text) == nodes


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("a *b* c", ["a ", ["em", "b"], " c"]),
        ("**a *b* c**", [["strong", "a ", ["em", "b"], " c"]]),
        ("2 * 3 * 4", ["2 * 3 * 4"]),
        ("snake_case_name", ["snake_case_name"]),
        ("**open", ["**open"]),
        ("*a **b* c**", [["em", "a **b"], " c**"]),
        (r"\*no\*", ["*no*"]),
        ("``a ` b``", [["code", "a ` b"]]),
        ("`*no*`", [["code", "*no*"]]),
        ("~~x~~", [["del", "x"]]),
    ],
)
def test_spans(text: str, nodes: list[Node]) -> None:
    assert spans(text) == nodes


@given(st.text(st.sampled_from("ab <>&*_`~#|->1.\\[]()!\n\t\"'"), max_size=120))
def test_whatever_is_written_only_known_tags_come_out_and_no_letter_is_lost(text: str) -> None:
    nodes = nodes_of(text)
    assert {tag for node in nodes for tag in tags(node)} <= set(TAGS)
    kept = "".join(map(texts, nodes))
    for letter in "ab<&[(":
        if "```" not in text and "~~~" not in text:  # words after a fence name a language
            assert kept.count(letter) == text.count(letter)


@pytest.mark.parametrize(
    "text",
    ["*" * 100_000, "`" * 100_000, "` `` " * 30_000, "**a " * 30_000, "|" * 100_000 + "\n--|--",
     "> " * 50_000, "- " * 50_000, " " * 100_000 + "x", "-" * 100_000 + "x", "a|b\n" + " " * 99_999,
     "_a_" * 30_000, "1." * 50_000, "#" * 100_000, "[" * 100_000, "\n" * 100_000,
     "~" * 60_000 + "`", "x\n" + "~" * 60_000 + "`"],
)  # fmt: skip
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    nodes_of(text)
    assert time.process_time() - began < 2
