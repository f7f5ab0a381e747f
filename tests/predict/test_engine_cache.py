from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.models import settings
from tests.report import sample_architectures as samples
from weighbridge.core.architecture import LayerRun, ModelArchitecture
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.catalog.catalogue import load
from weighbridge.predict.engine_cache import (
    ENGINES,
    LLAMACPP_BATCH,
    VLLM_BATCH,
    Engine,
    allocated,
)
from weighbridge.predict.memory.cache_pages import pages
from weighbridge.predict.memory.cache_pools import llamacpp_cache_bytes
from weighbridge.predict.memory.footprint import footprint
from weighbridge.predict.versions import NEWEST

MIB = 1024**2


def gemma(kind: str = "gemma3") -> ModelArchitecture:
    """Dimensions of Gemma 3 12B: 8 times five windowed layers of 1,024 tokens and a full one."""
    sliding = samples.gqa(3840, 16, 8, 256, window=1024)
    full = samples.gqa(3840, 16, 8, 256)
    runs = (LayerRun(8, (sliding,) * 5 + (full,)),)
    return replace(samples.model("Gemma-12B", 3840, 262_144, runs, 131_072), model_type=kind)


def test_windows_keep_a_batch_more_than_they_need() -> None:
    model = gemma()
    assert model.kv_bytes(8192) == 832 * MIB
    # 8 layers of 8,192 cells and 40 of 1,024 + 512, at 8 KiB a token and layer.
    assert allocated("llama.cpp", model, 8192, "bf16", 2.0) == (8 * 8192 + 40 * 1536) * 8192
    assert allocated("llama.cpp", model, 8192, "bf16", 2.0) == 992 * MIB
    # 1,024 - 1 + 2,048 tokens are 192 blocks of 16, and one more.
    assert allocated("vllm", model, 8192, "bf16", 2.0) == (8 * 8192 + 40 * 193 * 16) * 8192


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_between_the_least_and_full_length(engine: Engine) -> None:
    model = gemma()
    for tokens in (8192, 32_768, 131_072):
        found = allocated(engine, model, tokens, "bf16", 2.0)
        assert found is not None
        least, full = model.kv_bytes(tokens), model.kv_full_length_bytes(tokens)
        assert least is not None
        assert full is not None
        assert least < found < full


def test_short_texts_take_whole_blocks() -> None:
    model = gemma()
    assert allocated("llama.cpp", model, 100, "bf16", 2.0) == 48 * 256 * 8192
    assert allocated("vllm", model, 100, "bf16", 2.0) == (8 * 112 + 40 * 128) * 8192


def test_groups_of_layers_are_filled_up() -> None:
    sliding, full = gemma().runs[0].layers[0], gemma().runs[0].layers[5]
    uneven = replace(gemma(), runs=(LayerRun(13, (sliding,)), LayerRun(4, (full,))))
    # 13 windowed layers are four groups of 4, three layers being padding.
    assert allocated("vllm", uneven, 8192, "bf16", 2.0) == (4 * 8192 + 16 * 193 * 16) * 8192


def test_wide_and_narrow_layers_share_blocks_of_one_size() -> None:
    wide, narrow = samples.gqa(1024, 16, 8, 128), samples.gqa(1024, 16, 4, 128, window=1024)
    model = replace(gemma(), runs=(LayerRun(6, (wide, narrow)),))
    # Blocks of 16 tokens of the wide layers hold 32 of the narrow: 96 of them and one.
    expected = 6 * 8192 * 2048 + 6 * 97 * 32 * 1024
    assert allocated("vllm", model, 8192, "bf16", 2.0) == expected * 2
    odd = samples.gqa(1024, 16, 3, 128, window=1024)
    model = replace(gemma(), runs=(LayerRun(6, (wide, odd)),))
    assert allocated("vllm", model, 8192, "bf16", 2.0) is None


def test_number_formats_that_an_engine_lacks_have_no_figure() -> None:
    assert allocated("llama.cpp", gemma(), 8192, "fp8", 1.0) is None
    assert allocated("vllm", gemma(), 8192, "q8_0", 34 / 32) is None
    assert allocated("vllm", gemma(), 8192, "fp8", 1.0) is not None


def test_families_whose_windows_may_not_be_known_have_no_figure() -> None:
    assert allocated("llama.cpp", gemma("mistral"), 8192, "bf16", 2.0) is None
    assert allocated("vllm", gemma("mistral"), 8192, "bf16", 2.0) is not None


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_not_keys_and_values_has_no_figure(engine: Engine) -> None:
    for model in (samples.hybrid(), samples.latent(), samples.unknown()):
        assert allocated(engine, model.architecture, 8192, "bf16", 2.0) is None
    dense = samples.dense().architecture
    assert allocated(engine, dense, 8192, "bf16", 2.0) == dense.kv_bytes(8192)


def test_an_indexers_keys_have_no_figure() -> None:
    model = load().find("MiniMaxAI/MiniMax-M3").architecture()
    assert model.kv_bytes(8192) is not None
    assert [allocated(engine, model, 8192, "bf16", 2.0) for engine in ENGINES] == [None, None]


@pytest.mark.parametrize("context", [100, 8192, 131_072])
def test_it_is_what_a_plan_counts(context: int) -> None:
    told = replace(settings(engine="llama.cpp", context=context), micro_batch=LLAMACPP_BATCH)
    compared = dict.fromkeys(ENGINES, 0)
    for entry in load().models:
        if entry.config is None:
            continue
        model = read_config(entry.config, name=entry.id)
        shape = footprint(model)
        blocks = pages(shape, 1, 2.0, NEWEST)
        planned = {
            "llama.cpp": llamacpp_cache_bytes(shape, told),
            "vllm": blocks and blocks.sequence_bytes(context, VLLM_BATCH),
        }
        for engine in ENGINES:
            found = allocated(engine, model, context, "bf16", 2.0)
            if found is not None:
                assert found == planned[engine], (entry.id, engine)
                compared[engine] += 1
    assert min(compared.values()) > 20, compared
