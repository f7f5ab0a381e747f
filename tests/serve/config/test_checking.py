from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serve.config.files import ENVIRONMENT, GOOD, faults, folder_for, message, read, swapped
from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.routing import KeyEntry
from weighbridge.serve.config import check_config, parse_config, read_config, warnings, write_config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_for(tmp_path)


def test_a_right_file_is_read_with_variables_filled_in_and_without_tokens(folder: Path) -> None:
    path = folder / "router.config.yaml"
    path.write_text(GOOD)
    config = read_config(path, environment=ENVIRONMENT)
    assert config.models["own"].cmd == "my-server --port ${PORT} --root /srv"
    assert config.models["own"].env == {"CACHE": "/srv/cache"}
    first, second = config.keys
    assert isinstance(first, KeyEntry)
    assert isinstance(second, KeyEntry)
    assert (first.name, second.name) == ("ALICE", "bob")
    assert second.hash == "sha256:" + "ab" * 32
    assert not any(secret in repr(config) for secret in ("wb-alice", "sk-upstream"))


def test_a_file_as_written_survives_writing(folder: Path) -> None:
    written = check_config(GOOD, folder, origin="text", environment=ENVIRONMENT).written
    assert written is not None
    text = write_config(written, "two\nlines")
    assert text.startswith("# two\n# lines\nlisten:")
    again = check_config(text, folder, origin="text", environment=ENVIRONMENT)
    assert again.written == written


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("routes:", "rotues:", "rotues", "Did you mean `routes`?"),
        ("keywords", "keyword", "signals.task.arithmetic.keyword", "Did you mean `keywords`?"),
        ("ttl: 5m", "tll: 5m", "models.tally.tll", "Did you mean `ttl`?"),
        ("ttl: 5m", "queue: 5", "models.tally.queue", "`queue` belongs under `limits`"),
        ("ttl: 5m", "ttl: soon", "models.tally.ttl", "'soon' is not a duration"),
        ("ttl: 5m", "context: many", "models.tally.context", "a whole number, not the text 'many'"),
        ("ttl: 5m", "model: 4090", "models.tally.model", "put it in quotation marks"),
        ("ttl: 5m", "aliases:", "", "stands twice"),
        ("ttl: 5m", "sleep: 3", "models.tally.sleep", "`1` or `2`"),
        ("ttl: 5m", "sleep: 1", "models.tally.sleep", "only the engine vllm can sleep"),
        ("ttl: 5m", "slots: 0", "models.tally.slots", "1 or more"),
        ("ttl: 5m", "can: [tool]", "models.tally.can[0]", "did you mean 'tools'?"),
        ("ttl: 5m", "ready_path: up", "models.tally.ready_path", "begins with /"),
        ("price: {}", "price: {prompt: -1}", "models.tally.price.prompt", "0 or more"),
        ("price: {}", "price: {output: .nan}", "models.tally.price.output", "0 or more"),
        ("ttl: 5m", "stop: kill it", "models.tally.stop", "belongs to `cmd`"),
        ("ttl: 5m", "key_env: KEY", "models.tally.key_env", "belongs to `url`"),
        ("ttl: 5m", "url: http://x", "models.tally", "only one of them"),
        ("llamacpp-embedded", "llamacp", "models.tally.engine", "did you mean 'llamacpp'?"),
        ("tally.gguf", "gone.gguf", "models.tally.source", "there is no file"),
        ("tally.gguf", '"${PORT}"', "models.tally.source", "`${PORT}` is unknown here"),
        (", source: tally.gguf", "", "models.tally", "`source` is missing"),
        ("engine: llamacpp-embedded, source", "source", "models.tally", "`engine` is missing"),
        ("--port ${PORT}", "", "models.own.cmd", "`${PORT}` is missing"),
        ("--port ${PORT}", "--port ${PROT}", "models.own.cmd", "did you mean 'PORT'?"),
        ("--port", "'--port", "models.own.cmd", "quotation marks do not match"),
        ("pinned: true", "pinned: maybe", "models.own.pinned", "true or false"),
        ("memory: 2 GiB", "memory: 2 GoB", "models.own.memory", "is not a size"),
        ("CACHE:", "A=B:", "models.own.env", "letters, digits and _"),
        ('"${env.ROOT}/cache"', '"${env.GONE}"', "models.own.env.CACHE", "GONE is not set"),
        ("http://10.0.0.7", "ftp://10.0.0.7", "models.far.url[0]", "not an http or https"),
        ("10.0.0.7:", "10.0.0.8:", "models.far.url[1]", "stands twice"),
        ("10.0.0.7:8000", "127.0.0.1:8080", "models.far.url[0]", "gateway itself listens"),
        ("10.0.0.8:8000", "localhost:8080", "models.far.url[1]", "gateway itself listens"),
        ("10.0.0.7:8000", "[::ffff:127.0.0.1]:8080", "models.far.url[0]", "itself listens"),
        ("key_env: FAR_KEY", "key_env: NEAR", "models.far.key_env", "NEAR is not set"),
        ("key_env: FAR_KEY", "ttl: 5m", "models.far.ttl", "engines that the gateway starts"),
        ("  tally: {", "  auto: {", "models.auto", "asks for routing"),
        ("  tally: {", "  learned: {", "models.learned", "learned route's choice"),
        ("[small]", "[far]", "models.tally.aliases[0]", "already a model's name"),
        ("[small]", "[small, small]", "models.tally.aliases[1]", "already an alias of 'tally'"),
        ("[small, far]}", "[smal]}", "routes[0].use[0]", "did you mean 'small'?"),
        ("use: [far]", "use: []", "routes[1].use", "uses no model"),
        ("use: [far]", "use: far", "routes[1].use", "a list, not the text 'far': put it in [ ]"),
        ("use: [far]", "use:", "routes[1].use", "a list, and is empty"),
        ("ttl: 5m", "context: 2.5", "models.tally.context", "a whole number, not 2.5"),
        ("price: {}", "price: cheap", "models.tally.price", "such as `prompt` and `output`, not"),
        ("ttl: 5m", "env: [a]", "models.tally.env", "should be `name: value` lines, not a list"),
        ("use: [far]", "use: [auto]", "routes[1].use[0]", "asks for routing"),
        ("use: [far]", "use: [learned]", "routes[1].use[0]", "`signals.learned`"),
        ("use: [far]", "use: [far], prefer: quick", "routes[1].prefer", "`fastest`"),
        ("tier: gold}, use", "language: english}, use", "routes[0].when.language", "ISO 639-1"),
        ("tier: gold}, use", "path: /v1/embedding}, use", "routes[0].when.path", "did you mean"),
        ("tier: gold}, use", "max_ttft: 0}, use", "routes[0].when.max_ttft", "above 0"),
        ("tier: gold}, use", "header: {a b: c}}, use", "routes[0].when.header", "characters"),
        ("{task: arithmetic,", "{task: algebra,", "routes[0].when.task", "'algebra', which no"),
        ("[plus, \"+\"]", "[]", "signals.task.arithmetic.keywords", "never recognised"),
        ("[plus, \"+\"]", "[1]", "signals.task.arithmetic.keywords[0]", "quotation marks"),
        ("{small: [own", "{smal: [own", "fallbacks.smal", "did you mean 'small'?"),
        ("{small: [own", "{small: [tally", "fallbacks.small[0]", "stand in for itself"),
        ("{tally: [far]}", "{tally: [fra]}", "context_window_fallbacks.tally[0]", "'far'?"),
        ("models: [small, far]", "models: [big]", "keys[1].models[0]", "no model and no alias"),
        ("budget: team", "budget: tema", "keys[1].budget", "did you mean 'team'?"),
        ("budget: team", "budget: {}", "keys[1].budget", "limits nothing"),
        ("budget: team", "rate: {}", "keys[1].rate", "limits nothing"),
        (", price: {}", "", "keys[1].budget", "'tally' has no `price`: write one (`price: {}`"),
        ("[small, far], budget: team", "[own], budget: {usd: 1}", "keys[1].budget", "'own' has"),
        ("models: [small, far], budget", "budget", "keys[1].budget", "'own' has no `price`"),
        ("sha256:ab", "sha256:xy", "keys[1].hash", "64 hexadecimal digits"),
        ("name: bob", "name: ALICE", "keys[1]", "the key 1 is called 'ALICE' too"),
        ("name: bob", "env: ALICE, name: bob", "keys[1]", "either `hash` or `env`"),
        ("  - ${env.ALICE}", "  - ${env.ALICIA}", "keys[0]", "ALICIA is not set"),
        ("  - ${env.ALICE}", "  - short", "keys[0]", "at least 8 characters"),
        ("  - ${env.ALICE}", "  - x${env.ALICE}", "keys[0]", "not both joined"),
        ("usd: 20", "usd: -1", "budgets.team.usd", "0 or more"),
        ("per: month", "per: year", "budgets.team.per", "`month`"),
        ("memory: 80%", "memory: 101%", "machine.memory", "at most at 100 %"),
        ("device: cpu", "device: tpu", "machine.device", "`gpu`"),
        ("share: 0.1", "share: 10", "capture.share", "between 0 and 1"),
        ('"id-[0-9]+"', '"id-["', "capture.redact[1].pattern", "no regular expression"),
        ('"id-[0-9]+"', '"x*"', "capture.redact[1].pattern", "nothing at all"),
        ("[keys, {", "[key, {", "capture.redact[0]", "`emails` or `keys`"),
        ("body: 8 MiB", "body: huge", "limits.body", "is not a size"),
        ("queue_wait: 90s", "drain: -1", "limits.drain", "is not a duration"),
        ("queue_wait: 90s", "queue_wait: 9000d", "limits.queue_wait", "longer than a year"),
        ("admin: 127.0.0.1:8081", "admin: 0.0.0.0:8081", "admin", "no key has `admin: true`"),
        ("admin: 127.0.0.1:8081", "admin: 127.0.0.1:8080", "admin", "listens for clients"),
        ("admin: 127.0.0.1:8081", "workers: 0", "workers", "1 or more"),
        ("admin: 127.0.0.1:8081", "ledger: mysql://u:pw@h/d", "ledger", "no postgresql:// address"),
        ("admin: 127.0.0.1:8081", "ledger: gone/l.sqlite", "ledger", "there is no folder"),
        ("admin:", "tls: {certificate: a, key: b}\nadmin:", "tls.certificate", "there is no file"),
        ("127.0.0.1:8080", "localhost", "listen[0]", "is not host:port"),
        ("127.0.0.1:8080", "127.0.0.1:99999", "listen[0]", "is not host:port"),
        ("unix:weigh.sock", "unix:gone/weigh.sock", "listen[1]", "there is no folder"),
        ("unix:weigh.sock", "127.0.0.1:8080", "listen[1]", "stands twice"),
    ],
)  # fmt: skip
def test_a_wrong_file_says_what_and_where(
    folder: Path, old: str, new: str, where: str, words: str
) -> None:
    text = swapped(old, new)
    if not where:
        with pytest.raises(ConfigError, match=words):
            read(text, folder)
        return
    found = faults(text, folder)
    told = [(sentence, line) for place, sentence, line in found if place == where]
    assert any(words in sentence for sentence, _ in told), found
    assert all(line > 1 for _, line in told)


def test_every_fault_has_its_line(folder: Path) -> None:
    found = faults(swapped("queue_wait: 90s", "queue_wait: long"), folder)
    lines = GOOD.splitlines()
    assert [(place, line) for place, _, line in found] == [
        ("limits.queue_wait", lines.index("limits: {body: 8 MiB, queue_wait: 90s}") + 1)
    ]


def test_all_faults_are_told_at_once_and_each_on_its_line(folder: Path) -> None:
    text = GOOD.replace("ttl: 5m", "tll: 5m").replace("use: [far]", "use: [fra]")
    text = text.replace("share: 0.1", "share: much").replace("tally.gguf", "gone.gguf")
    told = message(text, folder).splitlines()
    assert told[0] == "text has 4 faults:"
    assert [line.split(":")[1].strip() for line in told[1:]] == [
        "models.tally.tll", "models.tally.source", "routes[1].use[0]", "capture.share",
    ]  # fmt: skip


def test_a_fault_does_not_bring_others_with_it(folder: Path) -> None:
    # A model of the wrong shape is still there for those who name it, and no more is said of it.
    text = swapped("{engine: llamacpp-embedded, source: tally.gguf,", "{engine: 3,")
    assert [place for place, _, _ in faults(text, folder)] == ["models.tally.engine"]
    text = swapped("  tally: {engine", "  tally: [] #")
    assert not any("'tally' is no" in sentence for _, sentence, _ in faults(text, folder))


def test_no_message_has_a_secret(folder: Path) -> None:
    secrets = ("wb-alice-secret-token", "sk-upstream-secret", "sk-pasted-by-mistake")
    for old, new in (
        ("key_env: FAR_KEY", "key_env: sk-pasted-by-mistake"),
        ("  - ${env.ALICE}", "  - {name: al, env: sk-pasted-by-mistake}"),
        ("  - ${env.ALICE}", "  - {name: al, hash: sk-pasted-by-mistake}"),
        ("  - ${env.ALICE}", "  - [sk-pasted-by-mistake]"),
        ("  - ${env.ALICE}", "  - ${env.ALICE}\n  - {name: al, env: ALICE}"),
        ("  - ${env.ALICE}", "  - sk-pasted-by-mistake\n  - sk-pasted-by-mistake"),
        ("device: cpu", "device: sk-pasted-by-mistake"),
        ("  - ${env.ALICE}", "  - sk-pasted-by-mistake:"),
        ("http://10.0.0.7:8000/v1", "http://me:sk-pasted-by-mistake@10.0.0.7/v1"),
        ("http://10.0.0.7:8000/v1", "${env.FAR_KEY}?x"),
        ("tally.gguf", "'${env.FAR_KEY}'"),
        ("admin: 127.0.0.1:8081", "ledger: mysql://u:sk-pasted-by-mistake@h/d"),
    ):
        told = message(swapped(old, new), folder)
        assert not any(secret in told for secret in secrets), told


def test_the_network_needs_keys(folder: Path) -> None:
    text = "listen: 0.0.0.0:80\nmodels: {far: {url: 'http://10.0.0.7'}}\nroutes: [{use: [far]}]\n"
    assert "`keys` is empty" in message(text, folder)
    config = read(text + 'keys: ["${env.ALICE}"]\n', folder)
    assert any("clear text" in sentence for sentence in warnings(config))


def test_a_port_from_the_command_line_moves_the_loop(folder: Path) -> None:
    path = folder / "router.config.yaml"
    path.write_text(swapped("10.0.0.7:8000", "127.0.0.1:9000"))
    read_config(path, environment=ENVIRONMENT)
    with pytest.raises(ConfigError, match="itself listens"):
        read_config(path, port=9000, environment=ENVIRONMENT)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        read_config(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    "text", ["", "null", "3", "[]", "models: 3", "? [a]: b", "models: [", "&a [*a]"]
)
def test_any_yaml_that_is_no_configuration_is_refused(folder: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(text, folder, origin="text")


def test_merged_mappings_count_where_they_stand(folder: Path) -> None:
    text = (
        "models:\n  a: &base {url: 'http://10.0.0.7', context: 4096}\n"
        "  b: {<<: *base, url: 'http://10.0.0.8', slots: 0}\nroutes: [{use: [a, b]}]\n"
    )
    assert faults(text, folder) == [("models.b.slots", "this has to be 1 or more", 3)]
    assert read(text.replace("slots: 0", "slots: 1"), folder).models["b"].context == 4096


_KEYS = sorted(
    {
        word
        for word in yaml.safe_dump(yaml.safe_load(GOOD)).replace(":", " ").split()
        if word.isidentifier()
    }
)
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**20), st.floats(), st.text(max_size=8),
    st.sampled_from(["${PORT}", "${env.X}", "80%", "5m", "1 GiB", "[::1]:0", "\0", *_KEYS]),
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def _mutated(document: object, data: st.DataObject) -> object:
    """The document with a value somewhere in place of another."""
    if isinstance(document, dict) and document and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(sorted(document)))
        return {**document, key: _mutated(document[key], data)}
    if isinstance(document, dict) and data.draw(st.booleans()):
        return {**document, data.draw(st.sampled_from(_KEYS)): data.draw(_VALUES)}
    if isinstance(document, list) and document and data.draw(st.integers(0, 4)):
        place = data.draw(st.integers(0, len(document) - 1))
        return [*document[:place], _mutated(document[place], data), *document[place + 1 :]]
    return data.draw(_VALUES)


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_whatever_stands_in_it_only_our_errors_come_out(folder: Path, data: st.DataObject) -> None:
    document = yaml.safe_load(GOOD)
    for _ in range(data.draw(st.integers(1, 3))):
        document = _mutated(document, data)
    text = yaml.safe_dump(document, allow_unicode=True)
    with suppress(ConfigError):
        assert all(warnings(read(text, folder)))


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(place=st.integers(0, len(GOOD)), text=st.text(max_size=4), cut=st.integers(0, 6))
def test_a_slip_of_the_finger_is_told_or_harmless(
    folder: Path, place: int, text: str, cut: int
) -> None:
    with suppress(ConfigError):
        assert read(GOOD[:place] + text + GOOD[place + cut :], folder).models
