from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serve.importing.test_llama_swap import VALUES
from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import KeyEntry, Price
from weighbridge.serve.config import check_config, write_config
from weighbridge.serve.importing.litellm import from_litellm, is_litellm
from weighbridge.serve.importing.reading import Imported

FILE = Path(__file__).parents[2] / "data/importing/litellm.yaml"
ENVIRONMENT = {
    "GROQ_KEY": "gsk-1",
    "BGE_URL": "http://gpu-4:80/v1",
    "LITELLM_MASTER_KEY": "sk-12345678",
}


@pytest.fixture(scope="module")
def imported() -> Imported:
    document = yaml.safe_load(FILE.read_text())
    assert is_litellm(document)
    return from_litellm(document)


def test_alike_deployments_are_replicas_and_others_stand_in(imported: Imported) -> None:
    models = imported.config.models
    assert set(models) == {"llama", "llama-2", "small", "gpt", "bge"}
    llama = models["llama"]
    assert llama.urls == ("http://gpu-1:8000/v1", "http://gpu-2:8000/v1")
    assert llama.model == "meta-llama/Llama-3.3-70B-Instruct"
    assert (llama.context, llama.price) == (32768, Price(prompt=0.2))
    other = models["llama-2"]
    assert (other.url, other.key_env) == ("https://api.groq.com/openai/v1", "GROQ_KEY")


def test_providers_become_addresses(imported: Imported) -> None:
    models = imported.config.models
    assert (models["small"].url, models["small"].model) == ("http://gpu-3:11434/v1", "qwen3:8b")
    assert models["small"].max_concurrency == 8
    assert models["bge"].url == "${env.BGE_URL}"
    assert models["bge"].can == ("embeddings",)
    assert models["gpt"].key_env is None


def test_fallbacks_and_aliases_lead_to_what_is_there(imported: Imported) -> None:
    config = imported.config
    assert config.fallbacks["small"] == ("llama", "gpt")
    assert config.fallbacks["llama"] == ("llama-2", "gpt")
    assert "gpt" not in config.fallbacks
    assert config.context_window_fallbacks == {"small": ("llama",)}
    assert config.models["small"].aliases == ("gpt-4o-mini",)
    assert config.models["llama"].aliases == ("hidden-one",)
    assert config.keys == (KeyEntry(name="master", env="LITELLM_MASTER_KEY", admin=True),)


@pytest.mark.parametrize(
    "words",
    [
        "'claude' is not taken over: anthropic", "stands for many models", "rpm 600 and tpm 200000",
        "`model_list[4].litellm_params.api_key` is a key", "`model_list[4].litellm_params.timeout`",
        "differ in more than their address", "is asked at http://gpu-3:11434/v1",
        "`router_settings.routing_strategy`", "`router_settings.num_retries` is not taken over (2)",
        "model_group_alias.nowhere", "`fallbacks` of 'missing'", "leads to claude",
        "`litellm_settings.drop_params`", "`litellm_settings.callbacks`", "its database",
        "`environment_variables`", "4000", "`litellm_settings.request_timeout`",
    ],
)  # fmt: skip
def test_what_is_not_taken_over_is_told(imported: Imported, words: str) -> None:
    assert any(words in note for note in imported.notes), imported.notes


def test_no_secret_is_taken_over_or_told(imported: Imported) -> None:
    told = write_config(imported.config, "") + "".join(imported.notes)
    assert "sesame" not in told
    assert "left-in-the-file" not in told
    found = from_litellm(
        {
            "model_list": [
                {"model_name": "a", "litellm_params": {"model": "openai/a", "api_base": "http://b"}}
            ],
            "general_settings": {"master_key": "sk-clear-1234"},
        }
    )
    assert "sk-clear" not in write_config(found.config, "") + "".join(found.notes)
    assert isinstance(found.config.keys[0], KeyEntry)


def test_the_result_is_right(imported: Imported, tmp_path: Path) -> None:
    text = write_config(imported.config, "")
    assert check_config(text, tmp_path, origin="text", environment=ENVIRONMENT).faults == ()


def test_a_file_without_models_is_refused() -> None:
    with pytest.raises(ConfigError, match="no model is left"):
        from_litellm({"model_list": [{"model_name": "a"}]})


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_whatever_a_file_has_it_is_read_or_refused(data: st.DataObject) -> None:
    document = yaml.safe_load(FILE.read_text())
    first = document["model_list"][0]
    tables = [document, first, first["litellm_params"], document["litellm_settings"]]
    table = data.draw(st.sampled_from([*tables, document["router_settings"]]))
    for key in data.draw(st.lists(st.sampled_from(sorted(table)), max_size=4)):
        table[key] = data.draw(VALUES)
    try:
        found = from_litellm(document)
    except ConfigError:
        return
    text = write_config(found.config, "")
    check_config(text, Path(), origin="text", environment=ENVIRONMENT)
