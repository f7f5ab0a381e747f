from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.serve.config import (
    listen_address,
    parse_config,
    read_config,
    warnings,
    write_config,
)

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
        ("10.0.0.7:8000", "127.0.0.1:8080", "models.far: http://127.0.0.1:8080/v1 is where the"),
        ("10.0.0.7:8000", "localhost:8080", "where the gateway itself listens"),
        ("10.0.0.7:8000", "[::1]:8080", "where the gateway itself listens"),
        ("10.0.0.7:8000", "[::ffff:127.0.0.1]:8080", "where the gateway itself listens"),
        ("10.0.0.7:8000", "0.0.0.0:8080", "where the gateway itself listens"),
        ("model: big", "key_env: sk-123", "models.far: `key_env` is the name of an environment"),
        ("tally.gguf}", "tally.gguf, key_env: KEY}", "models.tally: `key_env` belongs to `url`"),
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


def test_all_wrong_addresses_are_told_with_their_models(folder: Path) -> None:
    text = GOOD.replace("http://10.0.0.7:8000/v1", "ftp://x").replace("[far]", "[b]")
    text = text.replace("  far:", '  near: {url: "http://y?z"}\n  far:')
    faults = r"models\.near: .*http://y\?z.*; models\.far: .*ftp://x.*; routes\[1\] uses 'b'"
    with pytest.raises(ConfigError, match=faults):
        parse_config(text, folder, origin="text")


def test_a_port_from_the_command_line_moves_the_loop(folder: Path) -> None:
    path = folder / "router.config.yaml"
    path.write_text(GOOD.replace("10.0.0.7:8000", "127.0.0.1:9000"))
    read_config(path)
    with pytest.raises(ConfigError, match="itself listens"):
        read_config(path, port=9000)
    path.write_text(GOOD.replace("10.0.0.7:8000", "127.0.0.1:8080"))
    read_config(path, port=9000)


def test_a_key_in_place_of_its_variable_is_not_printed(folder: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_config(GOOD.replace("model: big", "key_env: sk-123"), folder, origin="text")
    assert "sk-123" not in str(raised.value)


def test_without_routes_nothing_answers_auto(folder: Path) -> None:
    text = GOOD.partition("routes:")[0] + "routes: []\n"
    with pytest.raises(ConfigError, match="`routes` is empty"):
        parse_config(text, folder, origin="text")


def test_a_missing_last_resort_is_worth_a_warning(folder: Path) -> None:
    assert warnings(parse_config(GOOD, folder, origin="text")) == ()
    (warning,) = warnings(parse_config(GOOD.replace("  - {use: [far]}\n", ""), folder, origin="t"))
    assert "no route is without a condition" in warning


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
