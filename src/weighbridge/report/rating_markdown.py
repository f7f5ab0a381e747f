"""Markdown of a model as a tree of few harmless elements: nothing a model writes becomes HTML.

A node is a text, or a list of a tag and nodes. Tags come from :data:`TAGS` and have no attributes;
links and images stay texts, so nothing is ever fetched and nothing can be clicked. The page builds
elements and text nodes of it, and never parses HTML. Every step takes time in proportion to the
text: a model's answer must not be able to stop the server.
"""

from __future__ import annotations

import re
from typing import Final

Node = str | list["Node"]

TAGS: Final = (
    "p", "h3", "h4", "h5", "pre", "code", "strong", "em", "del", "ul", "ol", "li", "blockquote",
    "table", "tr", "th", "td", "hr", "br",
)  # fmt: skip
# Possessive: giving marks back one by one would take quadratic time where the line is no fence.
_FENCE: Final = re.compile(r" {0,3}(`{3,}+|~{3,}+)([^`]*+)\Z")
_HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)\Z")
_BULLET: Final = re.compile(r"([ \t]{0,12})([-*+]|\d{1,9}[.)])[ \t]+(.*)\Z")
_RULE: Final = re.compile(r" {0,3}(?:-{3,}|\*{3,}|_{3,})\Z")
_MARKS: Final = re.compile(r"\\([\\`*_{}\[\]()#+\-.!~|>])|(`+|\*\*|__|~~|\*|_|\n)")
_SPANS: Final = {"**": "strong", "__": "strong", "*": "em", "_": "em", "~~": "del"}


def nodes_of(text: str) -> list[Node]:
    """The blocks of a text."""
    return _blocks(text.split("\n"))


def _blocks(lines: list[str]) -> list[Node]:
    found: list[Node] = []
    plain: list[str] = []
    at = 0

    def end_paragraph() -> None:
        if plain:
            found.append(["p", *spans("\n".join(plain))])
            plain.clear()

    while at < len(lines):
        block, after = _block(lines, at, in_paragraph=bool(plain))
        if block is not None or not lines[at].strip():
            end_paragraph()
        else:
            plain.append(lines[at])
        if block is not None:
            found.append(block)
        at = after
    end_paragraph()
    return found


def _block(lines: list[str], at: int, *, in_paragraph: bool) -> tuple[Node | None, int]:
    """The block that begins at a line, and where it ends; None for a line of a paragraph."""
    line = lines[at]
    fence = _FENCE.match(line)
    single = _single(line)
    found: tuple[Node | None, int] = (single, at + 1)
    if fence:
        found = _fenced(lines, at, fence[1])
    elif single is None and line.startswith(">"):
        found = _quote(lines, at)
    elif single is None and _BULLET.match(line):
        found = _list(lines, at)
    elif "|" in line and at + 1 < len(lines) and _is_table_rule(lines[at + 1]):
        found = _table(lines, at)
    elif line.startswith("    ") and not in_paragraph and line.strip():
        found = _indented(lines, at)
    return found


def _single(line: str) -> Node | None:
    """A heading or a rule."""
    heading = _HEADING.match(line)
    if heading:
        level = ("h3", "h4", "h5")[min(len(heading[1]) - 1, 2)]
        return [level, *spans(heading[2].strip().rstrip("#").rstrip())]
    return ["hr"] if _RULE.match(line) else None


def _is_table_rule(line: str) -> bool:
    return "--" in line and not line.strip("-:| \t")


def _fenced(lines: list[str], at: int, mark: str) -> tuple[Node, int]:
    """Code up to a fence of the same kind, or to the end where the model forgot it."""
    end = at + 1
    while end < len(lines):
        told = lines[end].strip()
        if told.startswith(mark) and not told.strip(mark[0]):
            break
        end += 1
    return ["pre", ["code", "\n".join(lines[at + 1 : end])]], end + 1


def _indented(lines: list[str], at: int) -> tuple[Node, int]:
    end = at
    while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
        end += 1
    return ["pre", ["code", "\n".join(line[4:] for line in lines[at:end]).rstrip()]], end


def _quote(lines: list[str], at: int) -> tuple[Node, int]:
    end = at
    while end < len(lines) and lines[end].startswith(">"):
        end += 1
    inner = [line.lstrip("> ") for line in lines[at:end]]
    return ["blockquote", ["p", *spans("\n".join(inner))]], end


def _list(lines: list[str], at: int) -> tuple[Node, int]:
    """Items with the lines that go on below them; deeper bullets stand as items of their own."""
    first = _BULLET.match(lines[at])
    assert first is not None  # noqa: S101 -- that is why we are here
    tag = "ol" if first[2][0].isdigit() else "ul"
    items: list[list[str]] = []
    while at < len(lines):
        bullet = _BULLET.match(lines[at])
        if bullet:
            if not bullet[1] and (bullet[2][0].isdigit()) != (tag == "ol"):
                break
            lead = "\N{EN DASH} " if len(bullet[1]) > 1 else ""
            number = f"{bullet[2]} " if bullet[2][0].isdigit() else ""
            items.append([lead + (number if tag == "ol" or lead else "") + bullet[3]])
        elif lines[at].startswith("  ") and lines[at].strip() and not _FENCE.match(lines[at]):
            items[-1].append(lines[at].strip())
        else:
            break
        at += 1
    return [tag, *(["li", *spans("\n".join(item))] for item in items)], at


def _table(lines: list[str], at: int) -> tuple[Node, int]:
    rows: list[Node] = [["tr", *(["th", *spans(cell)] for cell in _cells(lines[at]))]]
    end = at + 2
    while end < len(lines) and "|" in lines[end]:
        rows.append(["tr", *(["td", *spans(cell)] for cell in _cells(lines[end]))])
        end += 1
    return ["table", *rows], end


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def spans(text: str) -> list[Node]:
    """Code, strong and emphasised parts of a text; marks without a partner stay as written."""
    tokens = _tokens(text)
    partner = _partners(tokens)
    stack: list[list[Node]] = [[]]
    for place, (kind, told) in enumerate(tokens):
        here = stack[-1]
        if kind == "mark" and place in partner:
            if partner[place] > place:
                opened: list[Node] = [_SPANS[told]]
                here.append(opened)
                stack.append(opened)
            else:
                stack.pop()
        elif kind == "code":
            here.append(["code", told])
        elif kind == "break":
            here.append(["br"])
        elif here and isinstance(here[-1], str) and len(here) > (1 if len(stack) > 1 else 0):
            here[-1] += told
        else:
            here.append(told)
    return stack[0]


def _tokens(text: str) -> list[tuple[str, str]]:
    """A text cut at its marks; code spans are one token."""
    found: list[tuple[str, str]] = []
    closers = _code_ends(text)
    at = 0
    for match in _MARKS.finditer(text):
        if match.start() < at:
            continue  # inside a code span
        if match.start() > at:
            found.append(("text", text[at : match.start()]))
        at = match.end()
        told = match[2]
        if told is None:
            found.append(("text", match[1]))
        elif told == "\n":
            found.append(("break", ""))
        elif told[0] == "`":
            end = closers.get((match.start(), len(told)))
            if end is None:
                found.append(("text", told))
            else:
                found.append(("code", text[at:end].replace("\n", " ").strip()))
                at = end + len(told)
        else:
            found.append(("mark" if _may_mark(text, match) else "text", told))
    if at < len(text):
        found.append(("text", text[at:]))
    return found


def _code_ends(text: str) -> dict[tuple[int, int], int]:
    """Where a run of backquotes has its next run of the same length."""
    last: dict[int, int] = {}
    ends = {}
    for match in re.finditer(r"`+", text):
        length = len(match[0])
        if length in last:
            ends[last[length], length] = match.start()
        last[length] = match.start()
    return ends


def _may_mark(text: str, match: re.Match[str]) -> bool:
    """Whether a mark touches a word; inside one an underscore is a letter."""
    before = text[match.start() - 1] if match.start() else " "
    after = text[match.end()] if match.end() < len(text) else " "
    if before.isspace() and after.isspace():
        return False
    return not (match[0][0] == "_" and before.isalnum() and after.isalnum())


def _partners(tokens: list[tuple[str, str]]) -> dict[int, int]:
    """Marks that open and close each other, properly nested; at most eight deep."""
    opened: list[tuple[int, str]] = []
    found: dict[int, int] = {}
    for place, (kind, told) in enumerate(tokens):
        if kind != "mark":
            continue
        depth = next((d for d in range(len(opened)) if opened[d][1] == told), None)
        if depth is None:
            if len(opened) < 8:
                opened.append((place, told))
            continue
        begin = opened[depth][0]
        del opened[depth:]
        found[begin], found[place] = place, begin
    return found
