"""A study's file: every fault at once, with its line; traps that are refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.verbs.demo import study_file
from weighbridge.verbs.study.reading import check_study, read_study

GOOD = """\
name: mine
candidates:
  tally: {engine: llamacpp-embedded, source: "demo:tally-f16.gguf", slots: 2}
  api: {url: "https://api.example/v1", model: big, key_env: MY_KEY}
suites: ["demo:arithmetic"]
workload: {users: [1, 2]}
"""
KEYS = {"MY_KEY": "secret-token"}


def faults(text: str) -> list[str]:
    return [str(one) for one in check_study(text, Path("study.yaml"), environment=KEYS).faults]


def test_what_is_good_is_read_and_keys_are_kept_out_of_sight() -> None:
    asked = check_study(GOOD, Path("study.yaml"), environment=KEYS).asked
    assert asked is not None
    assert asked.keys == {"api": "secret-token"}
    assert "secret-token" not in repr(asked)
    assert asked.contenders == ("tally", "api")
    assert Path(asked.entries["tally"].source or "").is_absolute()
    assert asked.is_local("tally")
    assert not asked.is_local("api")


def test_all_faults_come_at_once_with_line_path_and_nearest_key() -> None:
    text = GOOD.replace("users", "user").replace("slots", "slot").replace("MY_KEY", "NO_KEY")
    assert faults(f"{text}seed: -1\nslo: ttft<0\nmemory_budget: lots\n") == [
        "line 3: candidates.tally.slot: the key is unknown. Did you mean `slots`?",
        "line 4: candidates.api.key_env: the environment variable NO_KEY is not set, or is empty.",
        "line 6: workload.user: the key is unknown. Did you mean `users`?",
        "line 7: seed: this has to be between 0 and 9223372036854775808.",
        "line 8: slo: The limit of 'ttft<0' has no unit. Write for example ttft<0ms or ttft<0s.",
        "line 9: memory_budget: 'lots' is not a size. Write for example 96MiB, 24GiB or 2GB.",
    ]


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("workload: {mix: {arithmetc: 1}}", "no task is called so (did you mean 'arithmetic'?)"),
        ("suites: [nowhere]", "There is no suite folder nowhere"),
        ("suites: [{suite: demo:arithmetic, compare: [[tally]]}]", "a pair is [baseline, other]"),
        ("suites: [{suite: demo:arithmetic, models: [talli]}]", "did you mean 'tally'?"),
        ("suites: [demo:arithmetic, demo:arithmetic]", "stands twice"),
        ("bench: {workers: 257}", "between 1 and 256"),
        ("bench: {requests: 0}", "between 1 and"),
        ("machine: 2x Nothing 9000", "machine"),
        ("constraints: {min_accuracy: 80}", "a share lies between 0 and 1"),
        ("constraints: {intents: [comercial]}", "Did you mean 'commercial'?"),
        ("prices: {hardware: {gpu_price: 0}}", "0 would be a price that nobody knows"),
        ("prices: {hardware: {gpu_price: cheap}}", "is no quantity"),
        ("raters: {}", "`inputs` to be answered and rated, or `votes`"),
        ("raters: {inputs: a, judge: nobody}", "'nobody' is no candidate here"),
        ("name: ../../etc/passwd", "letters, digits, dot, dash and underscore"),
        ("name: ..", "letters, digits, dot, dash and underscore"),
        ("candidates: {}", "there is no candidate"),
        ("candidates: {auto: {url: 'http://a'}}", "choose another name"),
        ("candidates: {a: {url: 'http://a', source: b}}", "only one of them"),
        ("candidates: {a: {url: '${env.MY_KEY}'}}", "may name variables of the environment"),
        ("candidates: {a: {cmd: 'serve ${PORT} ${env.MY_KEY}'}}", "may name variables"),
        ("candidates: {a: {engine: vllm, source: b, env: {K: '${env.NOT_SET}'}}}", "NOT_SET"),
    ],
)
def test_what_cannot_be_is_told(more: str, fault: str) -> None:
    key = more.split(":", maxsplit=1)[0]
    lines = GOOD.splitlines()
    if key == "candidates":
        lines = [*lines[:1], *lines[4:]]
    kept = [line for line in lines if not line.startswith(f"{key}:")]
    found = faults("\n".join([*kept, more]))
    assert any(fault in one for one in found), found
    assert "secret-token" not in str(found)


def test_names_of_apis_are_looked_up_at_once(tmp_path: Path) -> None:
    prices = "prices:\n  api: [openai/gpt-55, acme/foo, mine=1/2, wide=1..2/3, x=y/z]\n"
    text = GOOD.replace("users: [1, 2]", "volume: 1M-tokens/day") + prices
    (tmp_path / "prices.toml").write_text(
        '[[api]]\nprovider = "acme"\nmodel = "foo"\ninput = 1.0\noutput = 2.0\ndate = 2026-11-01\n'
    )
    found = check_study(text, Path("study.yaml"), environment=KEYS, workspace=tmp_path).faults
    second, first = map(str, found)
    assert first.startswith(
        "line 8: prices.api[0]: No price of 'openai/gpt-55' is known. Nearest are openai/gpt-5.5"
    )
    assert second.startswith("line 8: prices.api[4]: 'x=y/z' is no price")
    # Without a workspace nobody knows what its price book has.
    assert check_study(text.replace(", x=y/z", ""), Path("s.yaml"), environment=KEYS).asked


def test_every_fault_of_a_candidates_own_is_found_under_candidates() -> None:
    found = faults(GOOD.replace("llamacpp-embedded", "llamacp-embedded"))
    assert found[0].startswith("line 3: candidates.tally.engine: the engine must be one of")


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "repeat too many values"),
        ("suites: &s [*s]\n", "stands inside itself"),
        ("name: &n {a: *n}\n", "stands inside itself"),
        ("[" * 5000, "not YAML"),
        ("a: b: c", "not YAML"),
        ("- just\n- a list", "this is no study"),
        ("just text", "this is no study"),
        ("", "the file is empty"),
        ("name: a\nname: b", "stands twice"),
        ("!!python/object/apply:os.system [true]", "not YAML"),
        ("name: 2024-13-45", "not YAML"),
    ],
)
def test_traps_are_refused_with_a_sentence(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_study(text, Path("study.yaml"), environment=KEYS)
    assert told in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="weigh study init"):
        read_study(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="is a folder"):
        read_study(tmp_path)
    (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="which no study needs"):
        read_study(tmp_path / "large.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_study(tmp_path / "binary.yaml")


def test_a_mangled_study_is_a_study_or_an_error_of_ours() -> None:
    text = study_file().read_text()
    draw = random.Random(12)  # noqa: S311 -- mangling, no secret
    pieces = ["{", "}", "[", "]", ":", "&x", "*x", "\n", "  ", "-1", "1e999", ".nan", "null", "''"]
    read = refused = 0
    for _ in range(150):
        at, length = draw.randrange(len(text)), draw.choice([0, 1, 5, 40])
        mangled = text[:at] + draw.choice(pieces) + text[at + length :]
        try:
            found = check_study(mangled, Path("study.yaml"), environment={})
        except ConfigError:
            refused += 1
        else:
            read += 1
            assert (found.asked is None) == bool(found.faults)
    assert read
    assert refused
