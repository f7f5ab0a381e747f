from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.llm_server import Behaviour
from tests.verbs.test_bench import measured, settings
from weighbridge.core.errors import InputError
from weighbridge.verbs.load_files import check_requests_file, write_page, write_requests
from weighbridge.workspace.folder import Workspace


def test_requests_as_lines_are_the_records(workspace: Workspace, tmp_path: Path) -> None:
    run, _ = measured(workspace, Behaviour(tokens=3), settings(requests=3))
    path = tmp_path / "requests.jsonl"
    write_requests(run, path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["sent_ms"] for row in rows] == [record.sent_ms for record in run.requests]
    assert [tuple(row["gaps_ms"]) for row in rows] == [record.gaps_ms for record in run.requests]


def test_requests_as_a_table_have_the_same_columns_whatever_is_known(
    workspace: Workspace, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    schemas = []
    for usage in (True, False):
        run, _ = measured(workspace, Behaviour(tokens=3, usage=usage), settings(requests=3))
        write_requests(run, tmp_path / "requests.parquet")
        table = parquet.read_table(tmp_path / "requests.parquet")
        assert table.num_rows == 3
        assert table["e2e_ms"].to_pylist() == [record.e2e_ms for record in run.requests]
        schemas.append(table.schema)
    assert schemas[0].equals(schemas[1])


def test_a_file_of_another_kind_is_refused_at_once() -> None:
    with pytest.raises(InputError, match=r"neither \.jsonl nor \.parquet"):
        check_requests_file(Path("requests.csv"))


def test_the_page_is_one_file(workspace: Workspace, tmp_path: Path) -> None:
    run, _ = measured(workspace, Behaviour(tokens=3), settings(requests=3))
    write_page(run, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert run.info.id in text
    assert "<script src=" not in text
    assert '<link rel="stylesheet"' not in text
