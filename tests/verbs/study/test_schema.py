"""The JSON Schema of study.yaml, and the examples that are to fit it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from weighbridge.verbs.study.reading import check_study
from weighbridge.verbs.study.schema import schema

ROOT = Path(__file__).parents[3]
IN_DOCS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/study.md").read_text(), re.DOTALL)
EXAMPLES = [*IN_DOCS, (ROOT / "examples/demo/study.yaml").read_text()]


def test_the_schema_in_docs_is_up_to_date() -> None:
    written = json.loads((ROOT / "docs/schema/study.schema.json").read_text())
    assert written == schema(), "run tools/make_schema.py"


def test_every_key_is_described_and_in_the_docs() -> None:
    told = (ROOT / "docs/study.md").read_text() + (ROOT / "docs/cost.md").read_text()
    for name, part in schema()["$defs"].items():
        for key, about in part["properties"].items():
            assert about["description"], f"{name}.{key}"
    for key in schema()["$defs"]["StudyFile"]["properties"]:
        assert f"| `{key}` |" in told


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_are_right_and_fit_the_schema(text: str) -> None:
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(text))
    assert check_study(text, ROOT / "study.yaml", environment={}).faults == ()


def test_the_example_of_the_demo_is_the_demo_itself() -> None:
    link = ROOT / "examples/demo/study.yaml"
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == ROOT / "src/weighbridge/demo/study.yaml"
