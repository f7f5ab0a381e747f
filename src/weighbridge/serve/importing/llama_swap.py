"""llama-swap's ``config.yaml``: commands with ``${PORT}``, macros, groups and peers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.http import parse_url
from weighbridge.core.routing import KeyEntry, ModelEntry, RouterConfig
from weighbridge.serve.config.resolved import digest_text
from weighbridge.serve.importing.commands import Secrets, is_secret, with_port, without_secrets
from weighbridge.serve.importing.llama_swap_groups import Groups, read_groups
from weighbridge.serve.importing.reading import Imported, Notes, items, mapping, number, text

_MACRO = re.compile(r"\$\{([A-Za-z0-9_.-]+)\}")
_LEFT = frozenset({"PORT"})
_MOST_MACROS = 64
_LONGEST = 65_536
# What llama-swap waits for a model where nothing is said, and its concurrency limit.
_HEALTH_CHECK_S = 120
_CONCURRENCY = 10
_TAKEN = (
    "models", "macros", "apiKeys", "healthCheckTimeout", "globalTTL", "groups", "matrix",
    "routing", "hooks", "peers", "startPort",
)  # fmt: skip
_TAKEN_OF_MODEL = (
    "cmd", "cmdStop", "proxy", "checkEndpoint", "ttl", "aliases", "env", "useModelName",
    "concurrencyLimit", "macros", "unlisted", "name", "description", "metadata",
)  # fmt: skip


def is_llama_swap(document: object) -> bool:
    """Whether a document looks like one: models by name with a command, and nothing of ours."""
    if not isinstance(document, dict) or {"routes", "listen"} & set(document):
        return False
    models = document.get("models")
    entries = (
        [e for e in models.values() if isinstance(e, dict)] if isinstance(models, dict) else []
    )
    ours = any({"engine", "url"} & set(entry) for entry in entries)
    return not ours and any("cmd" in entry for entry in entries)


def from_llama_swap(document: dict[str, Any]) -> Imported:
    """Our configuration for the same models and commands.

    Raises:
        ConfigError: nothing in it can be taken over.
    """
    notes = Notes()
    groups = read_groups(document, notes)
    models = _models(document, groups, notes) | _peers(document, notes)
    if not models:
        raise ConfigError("Nothing in this file of llama-swap can be taken over: no model is left.")
    notes.left_out("", document, _TAKEN)
    if document.get("startPort") is not None:
        notes.add("`startPort` is not taken over: free ports are found when an engine starts.")
    notes.add(
        "llama-swap listens where its command line says; here `listen` is 127.0.0.1:8080 unless "
        "you change it."
    )
    keys = tuple(_keys(document, notes))
    return Imported(RouterConfig(models=models, keys=keys), tuple(notes.sentences))


def _keys(document: dict[str, Any], notes: Notes) -> Iterator[str | KeyEntry]:
    """Keys from the environment as they are, those in clear text as digests."""
    for n, written in enumerate(items(document.get("apiKeys"), "apiKeys", notes)):
        key = text(written)
        if key is None:
            continue
        if "${env." in key:
            yield key
            continue
        notes.add("Of keys in clear text only digests stand in the new file; clients use them on.")
        yield KeyEntry(name=f"key-{n + 1}", hash=digest_text(key))


def _models(document: dict[str, Any], groups: Groups, notes: Notes) -> dict[str, ModelEntry]:
    macros = mapping(document.get("macros"), "macros", notes)
    preload = _preloaded(document, notes)
    common = _Common(
        macros,
        number(document.get("globalTTL"), "globalTTL", notes) or 0,
        number(document.get("healthCheckTimeout"), "healthCheckTimeout", notes) or _HEALTH_CHECK_S,
    )
    models = {}
    for name, written in mapping(document.get("models"), "models", notes).items():
        entry = mapping(written, f"models.{name}", notes)
        read = _Model(name, entry, common, notes).entry(
            pinned=name in groups.persistent, preload=name in preload
        )
        if read is not None:
            models[name] = read
    for name in preload - set(models):
        notes.add(f"`hooks.on_startup.preload` names {name!r}, which is no model of the file.")
    return models


def _preloaded(document: dict[str, Any], notes: Notes) -> frozenset[str]:
    hooks = mapping(document.get("hooks"), "hooks", notes)
    start = mapping(hooks.get("on_startup"), "hooks.on_startup", notes)
    notes.left_out("hooks.", hooks, ("on_startup",))
    notes.left_out("hooks.on_startup.", start, ("preload",))
    names = items(start.get("preload"), "hooks.on_startup.preload", notes)
    return frozenset(str(name) for name in names)


class _Common:
    """What all models of a file share."""

    def __init__(self, macros: dict[str, Any], ttl: float, health_check_s: float) -> None:
        self.macros = macros
        self.ttl = ttl
        self.health_check_s = health_check_s
        self.secrets = Secrets()


class _Model:
    """One model of a file of llama-swap."""

    def __init__(self, name: str, entry: dict[str, Any], common: _Common, notes: Notes) -> None:
        self._name = name
        self._at = f"models.{name}."
        self._entry = entry
        self._common = common
        self._notes = notes
        own = mapping(entry.get("macros"), f"{self._at}macros", notes)
        self._macros = common.macros | own | {"MODEL_ID": name}

    def entry(self, *, pinned: bool, preload: bool) -> ModelEntry | None:
        """Ours; None where it has no command."""
        cmd = self._command("cmd")
        if cmd is None:
            self._notes.add(f"`models.{self._name}` has no `cmd`, so it is not taken over.")
            return None
        self._notes.left_out(self._at, self._entry, _TAKEN_OF_MODEL)
        self._tell_of_labels()
        return ModelEntry(
            cmd=self._without_secrets(self._with_port(cmd), "cmd"),
            stop=self._stop(),
            env=self._env(),
            model=self._text("useModelName"),
            aliases=self._aliases(),
            ttl=self._ttl(),
            max_concurrency=self._concurrency(),
            ready_path=self._ready_path(),
            cold_start=_plain(self._common.health_check_s),
            pinned=pinned,
            preload=preload,
        )

    def _text(self, key: str) -> str | None:
        said = text(self._entry.get(key))
        return None if said is None else self._filled(said, key)

    def _filled(self, said: str, key: str) -> str:
        """``said`` with macros filled in, those within macros too."""
        for _ in range(_MOST_MACROS):
            found = [name for name in _MACRO.findall(said) if name in self._macros]
            if not found or len(said) > _LONGEST:
                break
            name = found[0]
            said = said.replace(f"${{{name}}}", str(self._macros[name]).strip())
        for name in _MACRO.findall(said):
            if name not in _LEFT and not name.startswith("env."):
                self._notes.add(
                    f"`{self._at}{key}` uses `${{{name}}}`, which the file does not define."
                )
        return said[:_LONGEST]

    def _command(self, key: str) -> str | None:
        """A command on one line, without the comments that stand on lines of their own."""
        said = text(self._entry.get(key))
        if said is None:
            return None
        filled = self._filled(said, key).replace("\\\n", "\n")
        lines = [line.strip() for line in filled.splitlines()]
        return " ".join(line for line in lines if line and not line.startswith("#")) or None

    def _with_port(self, cmd: str) -> str:
        """The command with the port that ``proxy`` fixes replaced by ours."""
        proxy = self._text("proxy")
        if "${PORT}" in cmd:
            if proxy is not None and "${PORT}" not in proxy:
                self._notes.add(f"`{self._at}proxy` ({proxy}) is not taken over.")
            return cmd
        port = self._port(proxy)
        replaced = None if port is None else with_port(cmd, str(port))
        if replaced is not None:
            self._notes.add(f"`{self._at}cmd`: the fixed port {port} became ${{PORT}}.")
            return replaced
        self._notes.add(
            f"`{self._at}cmd` has no ${{PORT}}; put it where the server's port stands, "
            "for example --port ${PORT}."
        )
        return cmd

    def _port(self, proxy: str | None) -> int | None:
        try:
            return None if proxy is None else parse_url(proxy).port
        except InputError:
            return None

    def _stop(self) -> str | None:
        stop = self._command("cmdStop")
        if stop is not None and "${PID}" in stop:
            self._notes.add(
                f"`{self._at}cmdStop` needs ${{PID}}, which there is not; the engine is ended by "
                "SIGTERM, and by SIGKILL where that does not help."
            )
            return None
        return None if stop is None else self._without_secrets(stop, "cmdStop")

    def _without_secrets(self, cmd: str, key: str) -> str:
        clean, names = without_secrets(cmd, self._name, self._common.secrets)
        for name in names:
            self._hidden(key, name)
        return clean

    def _hidden(self, key: str, variable: str) -> None:
        self._notes.add(
            f"`{self._at}{key}` has a secret in clear text, which is not written again: put it "
            f"into the environment variable {variable}."
        )

    def _env(self) -> dict[str, str]:
        env = {}
        for written in items(self._entry.get("env"), f"{self._at}env", self._notes):
            name, equals, value = self._filled(str(written), "env").partition("=")
            if equals and name.strip():
                env[name.strip()] = self._value(name.strip(), value)
            else:
                self._notes.add(f"`{self._at}env` has an entry that is not NAME=value.")
        return env

    def _value(self, name: str, value: str) -> str:
        """An environment variable's value, or the variable of ours that stands for a secret."""
        if not is_secret(name, value):
            return value
        variable = self._common.secrets.variable(name, value, self._name)
        self._hidden("env", variable)
        return f"${{env.{variable}}}"

    def _aliases(self) -> tuple[str, ...]:
        found = []
        for alias in items(self._entry.get("aliases"), f"{self._at}aliases", self._notes):
            said = text(alias.get("id") if isinstance(alias, dict) else alias)
            if said is not None:
                found.append(self._filled(said, "aliases"))
        return tuple(dict.fromkeys(found))

    def _ttl(self) -> float | None:
        written = self._entry.get("ttl")
        own = None if written == -1 else number(written, f"{self._at}ttl", self._notes)
        # 0 is never, also where the common one would be something else.
        ttl = self._common.ttl if own is None else own
        return _plain(ttl) or None

    def _concurrency(self) -> int:
        at = f"{self._at}concurrencyLimit"
        limit = number(self._entry.get("concurrencyLimit"), at, self._notes)
        self._notes.add(
            "Requests beyond a model's concurrency limit wait here, and get 429 only when too many "
            "wait; llama-swap answers 429 at once."
        )
        return int(limit) if limit else _CONCURRENCY

    def _ready_path(self) -> str:
        path = self._text("checkEndpoint")
        if path == "none":
            self._notes.add(
                f"`{self._at}checkEndpoint: none` is not taken over: a model is ready here when "
                "it answers; `ready_path` is /health."
            )
            return "/health"
        return "/health" if path is None else f"/{path.lstrip('/')}"

    def _tell_of_labels(self) -> None:
        for key in ("name", "description", "metadata", "unlisted"):
            if self._entry.get(key):
                self._notes.add(
                    f"`{key}` of models is not taken over: /v1/models lists every model with what "
                    "it can do."
                )


def _peers(document: dict[str, Any], notes: Notes) -> dict[str, ModelEntry]:
    """Models of other servers, each under its own name."""
    found = {}
    for peer, written in mapping(document.get("peers"), "peers", notes).items():
        at = f"peers.{peer}."
        entry = mapping(written, f"peers.{peer}", notes)
        notes.left_out(at, entry, ("proxy", "apiKey", "models"))
        url = text(entry.get("proxy"))
        if url is None:
            notes.add(f"`{at}proxy` is missing, so its models are not taken over.")
            continue
        if "@" in url:
            notes.add(
                f"`{at}proxy` has a user name or a password in it, so its models are not taken "
                "over; a `url` has none here, put the key into the variable that `key_env` names."
            )
            continue
        key_env = _key_variable(text(entry.get("apiKey")), at, notes)
        for name in items(entry.get("models"), f"{at}models", notes):
            found[str(name)] = ModelEntry(url=f"{url.rstrip('/')}/v1", key_env=key_env)
    return found


def _key_variable(key: str | None, at: str, notes: Notes) -> str | None:
    if key is None:
        return None
    match = re.fullmatch(r"\$\{env\.([A-Za-z_][A-Za-z0-9_]*)\}", key)
    if match is None:
        notes.add(
            f"`{at}apiKey` is a key, not a variable, so it is not taken over; put it into the "
            "environment and name the variable in `key_env`."
        )
        return None
    return match[1]


def _plain(value: float) -> float:
    """Whole numbers without a point."""
    return int(value) if value == int(value) else value
