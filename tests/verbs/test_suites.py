from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.measure.evals.scorers.scoring import score
from tests.shared_data import shared
from weighbridge.core.errors import ConfigError, FormatError, InputError
from weighbridge.measure.evals.published.code import mbpp_plus
from weighbridge.measure.evals.records import Suite
from weighbridge.measure.evals.suite import load_suite
from weighbridge.verbs.suites import (
    PUBLISHED,
    import_published,
    listed,
    shipped_folders,
    shown,
    suite_folder,
)

ROOT = Path(__file__).parents[2]
OURS = ("code", "instructions", "invoices", "reasoning")


def lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def test_our_suites_are_there_and_small() -> None:
    found = {line.name: line for line in listed(None)}
    assert {"arithmetic", "extraction", *OURS} <= found.keys()
    for name in OURS:
        suite = load_suite(shipped_folders()[name])
        assert 30 <= len(suite.items) == found[name].items <= 300
        assert suite.settings.license == "Apache-2.0"


def test_our_suites_are_as_the_program_writes_them(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, 'tools'); import make_suites as m; "
        f"m.TARGET = m.Path({str(tmp_path)!r}); m.main()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    for name in OURS:
        for file in ("suite.yaml", "items.jsonl"):
            written, shipped = tmp_path / name / file, shipped_folders()[name] / file
            assert written.read_bytes() == shipped.read_bytes(), "run tools/make_suites.py"


def test_golds_of_invoices_are_right_and_their_facts_in_the_text() -> None:
    suite = load_suite(shipped_folders()["invoices"])
    for item in suite.items:
        answer = msgspec.json.encode(item.answer).decode()
        told = score("json", answer, item.answer, options=suite.settings.options)
        assert told.correct, item.id
        assert item.answer["vendor"] in item.prompt
        assert item.answer["number"] in item.prompt
        assert f"{item.answer['total']:,.2f}" in item.prompt


def test_golds_of_reasoning_are_right_and_no_two_questions_alike() -> None:
    suite = load_suite(shipped_folders()["reasoning"])
    assert len({item.prompt for item in suite.items}) == len(suite.items)
    for item in suite.items:
        assert score("number", f"First 1, then 2.\nAnswer: {item.answer}", item.answer).correct
        assert not score("number", f"Answer: {item.answer + 1}", item.answer).correct


def test_instructions_can_be_followed_together() -> None:
    place = ROOT / "tools" / "suite_instructions.py"
    spec = spec_from_file_location("suite_instructions", place)
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    sys.modules[spec.name] = script  # dataclasses look their module up
    spec.loader.exec_module(script)
    pairs = script.with_witnesses()
    shipped = load_suite(shipped_folders()["instructions"])
    assert [item["answer"] for item, _ in pairs] == [item.answer for item in shipped.items]
    for item, text in pairs:
        assert score("instructions", text, item["answer"]).correct, item["id"]


def test_solutions_of_code_pass_their_tests_and_nothing_does_not() -> None:
    rows = lines(shipped_folders()["code"] / "items.jsonl")
    for row in rows:
        tests: dict[str, Any] = {}
        solution: dict[str, Any] = {}
        exec(row["test"], tests)  # noqa: S102 -- our own files
        exec(row["solution"], solution)  # noqa: S102
        tests["check"](solution[row["entry_point"]])
        with pytest.raises(Exception):  # noqa: B017, PT011 -- any will do
            tests["check"](lambda *_, **__: None)


def test_a_name_or_a_folder_means_a_suite(tmp_path: Path) -> None:
    assert suite_folder(Path("reasoning")) == shipped_folders()["reasoning"]
    assert suite_folder(tmp_path) == tmp_path
    with pytest.raises(InputError, match="arithmetic"):
        suite_folder(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no folder"):
        listed(tmp_path / "nowhere")
    assert listed(tmp_path) == []


def test_shown_is_what_is_asked() -> None:
    told = shown(load_suite(shipped_folders()["invoices"]), 2)
    assert (told["n"], len(told["items"])) == (200, 2)
    assert [turn["role"] for turn in told["items"][0]["messages"]] == ["system", "user"]


# -- Published suites ----------------------------------------------------------------------------

FOLDERS = {
    "humaneval+": ("humanevalplus", 164),
    "mbpp+": ("mbppplus", 378),
    "gsm8k": ("gsm8k", 1319),
    "math500": ("math500", 500),
    "ifeval": ("ifeval", 541),
    "bfcl": ("bfcl", 1298),
}


def test_every_published_suite_is_tested() -> None:
    assert set(FOLDERS) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_files_become_suites(name: str, tmp_path: Path) -> None:
    folder, count = FOLDERS[name]
    suite: Suite = import_published(name, shared("data", "suites", folder), tmp_path / "suite")
    assert len(suite.items) == count
    assert suite.settings.source
    assert suite.settings.license
    assert all(item.prompt.strip() for item in suite.items)
    assert load_suite(tmp_path / "suite").hash == suite.hash
    with pytest.raises(InputError, match="already there"):
        import_published(name, shared("data", "suites", folder), tmp_path / "suite")


def test_the_functions_that_mbpp_asks_for_are_those_that_its_solutions_define() -> None:
    suite = mbpp_plus(shared("data", "suites", "mbppplus"))
    for item in suite.items:
        assert re.search(rf"def {item['entry_point']}\s*\(", item["solution"]), item["id"]


def test_items_of_bfcl_with_a_system_message_keep_it(tmp_path: Path) -> None:
    suite = import_published("bfcl", shared("data", "suites", "bfcl"), tmp_path / "suite")
    assert sum(bool(item.before) for item in suite.items) == 11
    assert all(item.fields["tools"] for item in suite.items)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gsm8k", b'{"question": "?", "answer": "18"}', "has no ####"),
        ("gsm8k", b'{"question": "?"}', "there is no `answer`"),
        ("math500", b"not json", "line 1"),
        ("ifeval", b"", "is empty"),
        ("mbpp+", b"\x1f\x8b broken", "Cannot read"),
        ("mbpp+", b'{"plus_input": 1}', "without their results"),
        (
            "mbpp+",
            b'{"task_id": 1, "prompt": "p", "code": "c", "test": "t", "test_list": []}',
            r"file, line 1: .*length >= 1 - at `\$.test_list`",
        ),
        ("gsm8k", b'{"question": "?", "answer": 18}', r"file, line 1: Expected `str`, got `int`"),
        (
            "ifeval",
            b'{"key":1,"prompt":"p","instruction_id_list":["punctuation:no_comma"],"kwargs":[]}',
            "file, line 1: `instruction_id_list` has 1 instruction, and `kwargs` the arguments of",
        ),
        (
            "ifeval",
            b'{"key":1,"prompt":"p","instruction_id_list":[],"kwargs":7}',
            r"file, line 1: Expected `array`, got `int` - at `\$.kwargs`",
        ),
    ],
)
def test_other_files_are_refused(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises((FormatError, InputError), match=said):
        import_published(name, tmp_path / "file", tmp_path / "suite")
    assert not (tmp_path / "suite").exists()


def test_what_cannot_be_judged_leaves_nothing_and_is_named_by_the_published_line(
    tmp_path: Path,
) -> None:
    good = {"prompt": "p", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    bad = good | {"instruction_id_list": ["zzz:unknown"]}
    path, output = tmp_path / "x.jsonl", tmp_path / "new" / "suite"
    rows = [{"key": 1} | good, {"key": 2} | bad]
    path.write_bytes(b"\n\n".join(msgspec.json.encode(row) for row in rows))
    with pytest.raises(ConfigError, match=r"x\.jsonl, line 3: .*no instruction 'zzz:unknown'"):
        import_published("ifeval", path, output)
    assert [one.name for one in tmp_path.iterdir()] == ["x.jsonl"]
    path.write_bytes(msgspec.json.encode(rows[0]))
    suite = import_published("ifeval", path, output)
    assert (len(suite.items), suite.hash) == (1, load_suite(output).hash)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["new", "x.jsonl"]
    assert [one.name for one in output.parent.iterdir()] == ["suite"]


def test_calls_of_bfcl_that_are_none_are_named_by_their_line(tmp_path: Path) -> None:
    question = {
        "id": "simple_0",
        "question": [[{"role": "user", "content": "?"}]],
        "function": [{"name": "f", "parameters": {}}],
    }
    file = tmp_path / "BFCL_v3_simple.json"
    file.write_bytes(msgspec.json.encode(question))
    answers = {"id": "simple_0", "ground_truth": [{"f": {}, "g": {}}]}
    file.with_name("BFCL_v3_simple.answers.json").write_bytes(msgspec.json.encode(answers))
    with pytest.raises(FormatError, match=r"answers\.json, line 1: a call names 2 functions"):
        import_published("bfcl", file, tmp_path / "suite")
    file.write_bytes(msgspec.json.encode(question | {"question": []}))
    answers["ground_truth"] = []
    file.with_name("BFCL_v3_simple.answers.json").write_bytes(msgspec.json.encode(answers))
    with pytest.raises(FormatError, match=r"simple\.json, line 1: simple_0 is not a single turn"):
        import_published("bfcl", file, tmp_path / "suite")


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    for name in PUBLISHED:
        with pytest.raises(InputError):
            import_published(name, tmp_path, tmp_path / "suite")


def test_the_test_that_no_answer_passes_is_mended(tmp_path: Path) -> None:
    folder = shared("data", "suites", "humanevalplus")
    suite = import_published("humaneval+", folder, tmp_path / "suite")
    rows = {row["id"]: row for row in lines(tmp_path / "suite" / "items.jsonl")}
    tests: dict[str, Any] = {}
    solution: dict[str, Any] = {}
    exec(rows["HumanEval/32"]["test"], tests)  # noqa: S102 -- the published file
    exec(rows["HumanEval/32"]["solution"], solution)  # noqa: S102
    tests["check"](solution["find_zero"])
    with pytest.raises(AssertionError):
        tests["check"](lambda _: 0.0)
    assert sum("abs(_poly(list(inp[0])," in item.fields["test"] for item in suite.items) == 1


@pytest.mark.parametrize(
    ("name", "file", "instead"),
    [
        ("humaneval+", "humanevalplus/HumanEvalPlus.jsonl.gz", "HumanEvalPlus-OriginFmt"),
        ("humaneval+", "humanevalplus/HumanEvalPlus-Mini.jsonl.gz", "HumanEvalPlus-OriginFmt"),
        ("mbpp+", "mbppplus/MbppPlus.jsonl.gz", "MbppPlus-OriginFmt"),
    ],
)
def test_releases_without_results_are_refused_and_the_other_is_named(
    name: str, file: str, instead: str, tmp_path: Path
) -> None:
    path = shared("data", "suites", *file.split("/"))
    with pytest.raises(InputError, match="without their results") as refused:
        import_published(name, path, tmp_path / "suite")
    assert instead in (refused.value.fix or "")
    assert not (tmp_path / "suite").exists()


def test_a_suite_is_named_by_its_tests_not_by_its_file(tmp_path: Path) -> None:
    own = shared("data", "suites", "humaneval", "HumanEval.jsonl.gz")
    (tmp_path / "plus.jsonl.gz").write_bytes(own.read_bytes())
    plain = import_published("humaneval+", tmp_path / "plus.jsonl.gz", tmp_path / "a")
    plus = import_published("humaneval+", shared("data", "suites", "humanevalplus"), tmp_path / "b")
    assert (plain.name, plus.name) == ("humaneval", "humaneval-plus")


def test_published_functions_have_the_room_that_their_own_solutions_take(tmp_path: Path) -> None:
    suite = import_published("mbpp+", shared("data", "suites", "mbppplus"), tmp_path / "suite")
    assert suite.settings.options["memory_mib"] >= 4096
    assert suite.settings.options["timeout_s"] >= 120
