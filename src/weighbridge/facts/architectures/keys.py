"""Typed, tolerant access to the raw keys of a config.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.defaults import SOURCE, class_defaults
from weighbridge.facts.architectures.limits import DEEPEST, LARGEST

_TEXT: Final = 200

# The same number under the names that families gave it, the commonest first.
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "hidden_size": ("n_embd", "n_embed", "d_model", "dim", "model_dim"),
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers"),
    "num_attention_heads": ("n_head", "n_heads", "num_heads", "attention_heads"),
    "num_key_value_heads": (
        "multi_query_group_num",
        "num_attention_groups",
        "kv_n_heads",
        "n_head_kv",
        "num_kv_heads",
    ),
    "head_dim": ("kv_channels", "attention_head_dim"),
    "intermediate_size": ("n_inner", "ffn_hidden_size", "ffn_dim", "ff_intermediate_size"),
    "vocab_size": ("padded_vocab_size",),
    "max_position_embeddings": (
        "n_positions",
        "max_seq_len",
        "max_sequence_length",
        "seq_length",
        "n_ctx",
        "context_length",
        "model_max_length",
    ),
    "num_experts": (
        "n_routed_experts",
        "num_local_experts",
        "moe_num_experts",
        "num_routed_experts",
    ),
    "num_experts_per_tok": (
        "num_experts_per_token",
        "top_k_experts",
        "moe_topk",
        "moe_k",
        "moe_top_k",
        "experts_per_token",
    ),
    "moe_intermediate_size": ("expert_ffn_hidden_size",),
    "n_shared_experts": ("num_shared_experts", "moe_num_shared_experts", "num_shared_expert"),
    "num_nextn_predict_layers": ("mtp_num_hidden_layers", "num_mtp_modules", "num_mtp_layers"),
}

# What a file states at its outermost level where it does not nest the text model.
_FLAT: Final = frozenset({"hidden_size", "num_hidden_layers", "num_attention_heads"})

_MISSING: Final = object()
_Item = TypeVar("_Item")


@dataclass(slots=True)
class Keys:
    """The keys of one text model, and a record of what had to be assumed.

    Attributes:
        raw: the keys as they stand in the file.
        model_type: whose class defaults fill in for absent keys.
        name: of the model, for error messages.
        assumptions: sentences about what the file did not say.
        defaulted: absent keys and the class defaults that were taken for them.
        seen: names that a reader asked for.
        left_out: what has weights that no reader counts: ``layers``, ``vision`` …
    """

    raw: Mapping[str, Any]
    model_type: str
    name: str
    assumptions: list[str] = field(default_factory=list)
    defaulted: dict[str, Any] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)

    def value(self, key: str) -> Any:  # noqa: ANN401 - whatever the file holds
        """What the file says under the key or an alias, else the class default, else None.

        An explicit null is an answer (``q_lora_rank: null``): it is not replaced by a default.
        """
        found = self._stated(key)
        if found is not _MISSING:
            return found
        defaults = self._class_defaults()
        for name in (key, *_ALIASES.get(key, ())):
            default = defaults.get(name)
            if default is not None:
                self.defaulted[key] = default
                return default
        return None

    def stated(self, key: str) -> bool:
        """Whether the file says anything but null under the key or one of its aliases."""
        return self._stated(key) not in (_MISSING, None)

    def has(self, key: str) -> bool:
        """Whether the file or the class says anything but null."""
        return self.value(key) is not None

    def maybe(self, *keys: str) -> int | None:
        """The first of the keys that holds a number ≥ 0; None where all are absent or null."""
        for key in keys:
            value = self.value(key)
            if value is True:
                raise self.wrong(key, value, "a number")
            if value is not None and value is not False:
                return self._natural(key, value)
        return None

    def number(self, *keys: str) -> int:
        """The same; 0 where all are absent or null."""
        return self.maybe(*keys) or 0

    def size(self, *keys: str) -> int:
        """The same; at least 1.

        Raises:
            FormatError: it is absent, null or 0.
        """
        number = self.maybe(*keys)
        if not number:
            raise FormatError(
                f"{self.name}: the configuration does not say {keys[0]}.",
                fix="Fetch the model's own config.json, complete.",
            )
        return number

    def flag(self, key: str, default: bool = False) -> bool:
        """A yes or no."""
        value = self.value(key)
        if value is None:
            return default
        if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        raise self.wrong(key, value, "true or false")

    def text(self, key: str) -> str | None:
        """A word."""
        value = self.value(key)
        if value is None or isinstance(value, str):
            return None if value is None else printable(value)
        raise self.wrong(key, value, "a word")

    def real(self, key: str) -> float | None:
        """A number that may have a fraction."""
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
            raise self.wrong(key, value, "a number")
        return float(value)

    def items(self, key: str) -> tuple[Any, ...] | None:
        """A list of whatever the file holds, no longer than the deepest model."""
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, list | tuple) or len(value) > DEEPEST:
            raise self.wrong(key, value, f"a list of at most {DEEPEST} items")
        return tuple(value)

    def integers(self, key: str) -> tuple[int, ...] | None:
        """A list of numbers ≥ 0."""
        items = self.items(key)
        return None if items is None else tuple(self._natural(key, item) for item in items)

    def words(self, key: str) -> tuple[str, ...] | None:
        """A list of words."""
        items = self.items(key)
        if items is None:
            return None
        for item in items:
            if not isinstance(item, str):
                raise self.wrong(key, item, "a list of words")
        return tuple(printable(item) for item in items)

    def per_layer(self, key: str, depth: int) -> tuple[int, ...] | None:
        """One number per layer where the file writes a list; None where it does not."""
        if not isinstance(self.value(key), list | tuple):
            return None
        return self.whole(key, self.integers(key) or (), depth)

    def whole(self, key: str, items: tuple[_Item, ...], depth: int) -> tuple[_Item, ...]:
        """The first ``depth`` items.

        Raises:
            FormatError: there are fewer.
        """
        if len(items) < depth:
            raise FormatError(
                f"{self.name}: {key} describes {len(items)} layers, but there are {depth}.",
                fix="Fetch the model's own config.json: this one was cut or edited.",
            )
        return items[:depth]

    def under(self, key: str, *, model_type: str = "") -> Keys | None:
        """The keys of a nested object, sharing the record of assumptions; None where absent."""
        value = self._stated(key)
        if value is _MISSING or value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.wrong(key, value, "an object")
        stated = value.get("model_type")
        kind = printable(stated) if isinstance(stated, str) else model_type
        return self.beside(value, kind)

    def beside(self, raw: Mapping[str, Any], model_type: str) -> Keys:
        """Other keys that share the record of what was assumed and left out."""
        return Keys(raw, model_type, self.name, self.assumptions, left_out=self.left_out)

    def overlaid(self, own: Mapping[str, Any]) -> Keys:
        """The same keys with some replaced, sharing every record."""
        merged = {**self.raw, **own}
        return replace(self, raw=merged)

    def assume(self, sentence: str) -> None:
        """Record what the file did not say; each sentence once."""
        if sentence not in self.assumptions:
            self.assumptions.append(sentence)

    def leave_out(self, what: str, sentence: str) -> None:
        """Record that weights of ``what`` are not counted, and say so."""
        self.assume(sentence)
        if what not in self.left_out:
            self.left_out.append(what)

    def wrong(self, key: str, value: object, expected: str) -> FormatError:
        """The error for a value of the wrong kind."""
        shown = repr(value) if isinstance(value, int | float | str | None) else type(value).__name__
        return FormatError(
            f"{self.name}: {key} is {printable(shown[:60])}, but must be {expected}.",
            fix="Fetch the model's own config.json: this one was edited or damaged.",
        )

    def default_sentence(self) -> Iterator[str]:
        """What was taken from the class, as at most one sentence."""
        if self.defaulted:
            listed = ", ".join(f"{key} {value}" for key, value in sorted(self.defaulted.items()))
            yield (
                f"Absent keys took the defaults of {self.model_type} in {SOURCE}: {listed[:400]}."
            )

    def _class_defaults(self) -> Mapping[str, Any]:
        """Those of the class; of its text model too where the file states that without nesting."""
        own = class_defaults(self.model_type)
        text = own.get("text_config")
        nested = "text_config" in self.raw or not set(self.raw) >= _FLAT
        return own if nested or not isinstance(text, str) else {**class_defaults(text), **own}

    def _stated(self, key: str) -> Any:  # noqa: ANN401 - whatever the file holds
        self.seen.add(key)
        if key in self.raw:
            return self.raw[key]
        for alias in _ALIASES.get(key, ()):
            if alias in self.raw:
                self.seen.add(alias)
                return self.raw[alias]
        return _MISSING

    def _natural(self, key: str, value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool):
            value = int(value)
        if not isinstance(value, int) or not 0 <= value <= LARGEST:
            raise self.wrong(key, value, f"a whole number from 0 to {LARGEST}")
        return value


def same_number(key: str) -> tuple[str, ...]:
    """The other names of a number; none where it has one name."""
    for common, names in _ALIASES.items():
        if key == common or key in names:
            return tuple(name for name in (common, *names) if name != key)
    return ()


def printable(text: str) -> str:
    """A text fit for a terminal: control characters and excess length removed."""
    cut = "".join(character if character.isprintable() else " " for character in text[:_TEXT])
    return " ".join(cut.split())
