from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.serve.config import listen_address, parse_config, read_config, write_config

GOOD = """
listen: 127.0.0.1:8080
models:
  tally: {engine: llamacpp-embedded, source: tally.gguf}
  far: {url: "http://10.0.0.7:8000/v1", model: big}
signals:
  task:
    arithmetic: {keywords: [plus, "+"]}
routes:
  - {when: {task: arithmetic}, use: [tally, far]}
  - {use: [far]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tally.gguf").touch()
    return tmp_path


def test_a_right_file_is_read_relative_to_itself_and_survives_writing(folder: Path) -> None:
    path = folder / "router.config.yaml"
    path.write_text(GOOD)
    config = read_config(path)
    assert config.models["far"].model == "big"
    text = write_config(config, "two\nlines")
    assert text.startswith("# two\n# lines\n")
    assert parse_config(text, folder, origin="text") == config


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("routes:", "rotues:", r"rotues.*Did you mean `routes`\?"),
        ("keywords", "keyword", "Did you mean `keywords`"),
        ("[tally, far]", "[taly]", r"routes\[0\] uses 'taly'.*did you mean 'tally'"),
        ("tally.gguf", "gone.gguf", "models.tally: there is no file .*gone.gguf"),
        ("llamacpp-embedded", "vllm", "models.tally: the engine must be one of"),
        ("{task: arithmetic}", "{task: algebra}", "'algebra', which no signal tells"),
        ("127.0.0.1:8080", "0.0.0.0:8080", "not a loopback address"),
        ("127.0.0.1:8080", "localhost", "is not host:port"),
        ("127.0.0.1:8080", "127.0.0.1:99999", "is not host:port"),
        ("[far]", "[]", r"routes\[1\] uses no model"),
        ("tally: {", "auto: {", "no model may be called 'auto'"),
        ("source: tally.gguf", "source: tally.gguf, url: http://x", "needs either `url` or"),
        ("models:", "models: [", r"line \d+: this is not YAML"),
    ],
)
def test_a_wrong_file_says_what_and_where(folder: Path, old: str, new: str, words: str) -> None:
    path = folder / "router.config.yaml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigError, match=words) as raised:
        read_config(path)
    assert "router.config.yaml" in str(raised.value)


def test_all_faults_are_told_at_once(folder: Path) -> None:
    text = GOOD.replace("[tally, far]", "[a]").replace("[far]", "[b]")
    with pytest.raises(ConfigError, match=r"'a'.*; .*'b'"):
        parse_config(text, folder, origin="text")


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        read_config(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("text", ["", "null", "3", "[]", "models: 3", "? [a]: b"])
def test_any_yaml_that_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "router.config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        read_config(path)


def test_listen_address() -> None:
    assert listen_address("[::1]:80") == ("::1", 80)
    assert listen_address(":80") == ("127.0.0.1", 80)
