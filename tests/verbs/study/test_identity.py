"""What tells models apart: their weights wherever they lie, and how they are served."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from weighbridge.core.routing import ModelEntry
from weighbridge.core.units import MIB
from weighbridge.verbs.study.entries import demo_folder
from weighbridge.verbs.study.identity import digest_of, identity_of, setup_of

TALLY = demo_folder() / "models" / "tally-f16.gguf"


def entry(path: Path, **more: object) -> ModelEntry:
    return ModelEntry(engine="llamacpp-embedded", source=str(path), **more)  # type: ignore[arg-type]


def test_a_small_file_is_known_by_its_sha256() -> None:
    assert digest_of(TALLY) == hashlib.sha256(TALLY.read_bytes()).hexdigest()


def test_weights_are_the_same_wherever_they_lie(tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.gguf"
    shutil.copy(TALLY, moved)
    assert setup_of(entry(TALLY)) == setup_of(entry(moved))
    moved.write_bytes(moved.read_bytes()[:-1] + b"\0")
    assert identity_of(entry(TALLY)) != identity_of(entry(moved))


@pytest.mark.parametrize("more", [{"context": 128}, {"slots": 2}, {"args": ("--threads", "1")}])
def test_how_it_is_served_makes_another_setup(more: dict[str, object]) -> None:
    assert identity_of(entry(TALLY, **more)) == identity_of(entry(TALLY))
    assert setup_of(entry(TALLY, **more)) != setup_of(entry(TALLY))


@pytest.mark.parametrize("more", [{"ttl": 5}, {"pinned": True}, {"aliases": ("t",)}])
def test_what_changes_no_answer_makes_no_other_setup(more: dict[str, object]) -> None:
    assert setup_of(entry(TALLY, **more)) == setup_of(entry(TALLY))


def test_servers_are_told_apart_by_address_and_model() -> None:
    here, there = (ModelEntry(url=f"http://{host}/v1") for host in ("a", "b"))
    assert identity_of(here) != identity_of(there)
    assert identity_of(here) != identity_of(ModelEntry(url="http://a/v1", model="other"))


@pytest.mark.parametrize("at", [0, 65 * MIB // 2 // MIB * MIB, 65 * MIB - 1])
def test_a_large_file_is_sampled_from_beginning_to_end(tmp_path: Path, at: int) -> None:
    path = tmp_path / "large.gguf"
    with path.open("wb") as file:
        file.truncate(65 * MIB)
    before = digest_of(path)
    assert before.startswith("sampled:")
    with path.open("r+b") as file:
        # Other weights differ everywhere; a stretch as long as a gap between samples is seen.
        file.seek(min(at, 64 * MIB))
        file.write(os.urandom(MIB))
    assert digest_of(path) != before


def test_a_folder_is_its_weights_and_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    one = ModelEntry(engine="vllm", source=str(folder))
    before = identity_of(one)
    (folder / "README.md").write_text("words")
    assert identity_of(one) == before
    (folder / "model.safetensors").write_bytes(b"heavier")
    assert identity_of(one) != before


def test_a_name_of_the_hub_is_its_name() -> None:
    names = [ModelEntry(engine="vllm", source=f"org/{model}") for model in ("a", "b", "a")]
    first, second, again = map(identity_of, names)
    assert first == again != second
