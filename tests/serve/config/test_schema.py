from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.serve.config.files import GOOD
from weighbridge.serve.config import check_config, warnings
from weighbridge.serve.config.schema import schema

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*config.yaml"))
ENVIRONMENT = {
    name: f"wb-example-{name.lower()}"
    for name in ("WEIGHBRIDGE_TEAM_KEY", "WEIGHBRIDGE_ALICE_KEY", "BIG_MODEL_KEY", "HOSTED_KEY")
}


def test_the_schema_in_docs_is_up_to_date() -> None:
    written = json.loads((ROOT / "docs/schema/router.config.schema.json").read_text())
    assert written == schema(), "run tools/make_schema.py"


def test_every_key_is_described() -> None:
    for name, part in schema()["$defs"].items():
        for key, told in part["properties"].items():
            assert told.get("description"), f"{name}.{key} has no line in its docstring"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_right_and_fit_the_schema(path: Path) -> None:
    text = path.read_text()
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(text))
    checked = check_config(text, path.parent, origin=path.name, environment=ENVIRONMENT)
    assert checked.faults == ()
    assert checked.written is not None
    assert [told for told in warnings(checked.written) if "without `tls`" not in told] == []


def test_there_are_three_examples_and_one_has_every_key() -> None:
    assert len(EXAMPLES) == 3
    text = (ROOT / "examples/router.config.yaml").read_text()
    for part in schema()["$defs"].values():
        for key in part["properties"]:
            assert f"{key}:" in text, f"the example says nothing of {key}"


@pytest.mark.parametrize(
    ("old", "new"), [("ttl: 5m", "tll: 5m"), ("device: cpu", "device: tpu"), ("usd: 20", "usd: x")]
)
def test_the_schema_refuses_what_we_refuse(old: str, new: str) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    validator.validate(yaml.safe_load(GOOD))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(yaml.safe_load(GOOD.replace(old, new)))
