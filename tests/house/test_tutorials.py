"""The tutorials show what the commands print, and name no option that is not there."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import click
import pytest

from weighbridge.cli.main import VERBS, weigh

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/tutorials"
PAGES = sorted(FOLDER.glob("*.md"))
# Verbs whose tutorial is that of another.
TOGETHER = {"keys": "serve", "gateway": "serve", "traffic": "serve"}


def script(name: str) -> ModuleType:
    path = ROOT / f"tools/{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


tutorials = script("make_tutorials")


def commands(page: Path) -> Iterator[list[str]]:
    """The words after every `weigh` of a page's fenced blocks."""
    text = page.read_text(encoding="utf-8")
    for fenced in re.findall(r"^```(?:console)?\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        for line in fenced.replace("\\\n", " ").splitlines():
            found = re.search(r"^(?:\$ )?(?:.*?(?:; |\bdo |\$\())?weigh (.*)", line)
            if found and not line.startswith(" "):
                yield list(words_of(found[1]))


def words_of(line: str) -> Iterator[str]:
    """The words of one command, up to what it is piped into or its comment."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    for word in lexer:
        if word[0] in "|;<>&#()":
            return
        yield word


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words after `weigh` name, and what is left of them."""
    command: click.Command = weigh
    context = click.Context(weigh)
    while isinstance(command, click.Group):
        inner = command.get_command(context, words[0]) if words else None
        if inner is None:
            return command.commands.get(getattr(command, "unwritten", "measure"), command), words
        context = click.Context(inner, parent=context)
        command, words = inner, words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_option_that_a_tutorial_names_is_there(page: Path) -> None:
    for words in commands(page):
        if words == ["plna"]:  # a slip, on purpose
            continue
        command, rest = resolved(words)
        assert command is not weigh, f"no such verb: {words}"
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        for word in rest:
            if word.startswith("--"):
                assert word.split("=")[0] in known | {"--help"}, words


def test_every_verb_has_a_tutorial_that_the_index_and_the_site_list() -> None:
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for verb in VERBS:
        name = TOGETHER.get(verb, verb)
        assert (FOLDER / f"{name}.md").exists(), f"{verb} has no tutorial"
        assert f"({name}.md)" in index
        assert f"tutorials/{name}.md" in nav
        assert f"weigh {verb}" in (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def test_every_verb_that_prints_json_has_its_section() -> None:
    text = (ROOT / "docs/json.md").read_text(encoding="utf-8")
    for verb in VERBS:
        command, _ = resolved([verb])
        words = list(command.commands.values()) if isinstance(command, click.Group) else [command]
        if any("--json" in each.opts for word in words for each in word.params):
            assert re.search(rf"^## .*`weigh {verb} ", text, re.MULTILINE), verb


def test_every_page_of_the_documentation_is_in_the_sites_menu() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f" {page.relative_to(ROOT / 'docs')}\n" in f"{nav}\n"


def test_links_of_the_documentation_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", text):
            if not target.startswith(("http://", "https://", "mailto:")):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_of_a_tutorial_has_shown_what_it_prints() -> None:
    for page in PAGES:
        for block in tutorials.tutorial(page).blocks:
            silent = all(re.search(r" &$| > |^for ", command) for command in block.commands)
            assert silent or any(block.printed), f"{page.stem}: {block.commands}"


def test_the_quick_tutorials_still_print_what_they_show() -> None:
    quick = tutorials.chosen([], all_of_them=False)
    assert len(quick) >= 15
    with ThreadPoolExecutor(2) as pool:
        found = [line for lines in pool.map(tutorials.differences, quick) for line in lines]
    assert not found, "\n".join(["`python tools/make_tutorials.py` writes them anew:", *found])


@pytest.mark.slow
def test_the_slow_tutorials_still_run() -> None:
    for one in tutorials.chosen([], all_of_them=True):
        if one.is_slow:
            assert tutorials.differences(one) == []


def test_a_changed_figure_is_told_and_a_changed_id_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "one.md"
    page.write_text("```console\n$ echo load-1a2b3c 12 ms\nload-9f9f9f 11 ms\n```\n")
    lines = tutorials.differences(tutorials.tutorial(page))
    assert "-load-ID 11 ms" in lines
    assert "+load-ID 12 ms" in lines
    monkeypatch.setattr(tutorials, "FOLDER", tmp_path)
    assert tutorials.write(tutorials.tutorial(page))
    assert page.read_text() == "```console\n$ echo load-1a2b3c 12 ms\nload-1a2b3c 12 ms\n```\n"
    assert not tutorials.write(tutorials.tutorial(page))
    assert tutorials.differences(tutorials.tutorial(page)) == []


def test_files_ports_and_failures_of_a_tutorial(tmp_path: Path) -> None:
    page = tmp_path / "two.md"
    page.write_text(
        "<!-- file: a/b.txt -->\n```text\nport 8080\n```\n```console\n$ cat a/b.txt; pwd\n```\n"
    )
    (block,) = tutorials.rewritten(tutorials.tutorial(page))
    assert block.text == ["$ cat a/b.txt; pwd", "port 8080", "."]
    page.write_text("```console\n$ exit 3\n```\n")
    with pytest.raises(SystemExit, match="exit code 3"):
        tutorials.rewritten(tutorials.tutorial(page))
