from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared_data import shared
from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.outcomes import Outcomes
from weighbridge.verbs.outcome_table import TableChoice, read_outcomes


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "items.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def only(folder: Path, text: str | bytes, choice: TableChoice | None = None) -> Outcomes:
    (found,) = read_outcomes(table(folder, text), choice)[0]
    return found


def test_a_row_is_an_item_and_a_column_a_model(tmp_path: Path) -> None:
    found = only(tmp_path, "item,small,large\nq1,0,1\nq2,0.5,True\n\nq3,1,false\n")
    assert (found.subject, found.items, found.models) == (
        "items", ("q1", "q2", "q3"), ("small", "large"),
    )  # fmt: skip
    assert [list(column) for column in found.scores] == [[0, 0.5, 1], [1, 1, 0]]
    assert found.groups is None


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfitem,a,b\r\nq1,1,0\r\n",
        "item;a;b\nq1;1;0\n",
        "item\ta\tb\nq1\t1\t0",
        '"item","a","b"\n"q1","1","0"\n',
        " item , a , b \n q1 , 1 , 0 \n",
        "item|a|b\nq1|1.0|0e0\n",
    ],
)
def test_dialects_of_csv(tmp_path: Path, text: str | bytes) -> None:
    found = only(tmp_path, text)
    assert (found.items, found.models) == (("q1",), ("a", "b"))
    assert [list(column) for column in found.scores] == [[1], [0]]


def test_cells_may_hold_separators_and_line_breaks(tmp_path: Path) -> None:
    found = only(tmp_path, 'item,"a,1",b\n"q\n1",1,0\n"q,2",0,1\n')
    assert found.items == ("q\n1", "q,2")
    assert found.models == ("a,1", "b")


def test_decimal_commas_beside_semicolons(tmp_path: Path) -> None:
    assert only(tmp_path, "item;a;b\nq1;0,25;1\n").scores[0][0] == 0.25


@pytest.mark.parametrize("cell", ["", "NA", "nan", "null", "-", " "])
def test_missing_answers_are_kept_as_missing(tmp_path: Path, cell: str) -> None:
    found = only(tmp_path, f"item,a,b\nq1,{cell},1\nq2,1,1\n")
    assert math.isnan(found.scores[0][0])
    assert found.missing(0) == ("q1",)
    assert found.missing(1) == ()


def test_columns_of_text_describe_items_and_are_left_out(tmp_path: Path) -> None:
    subjects, notes = read_outcomes(table(tmp_path, "item,kind,a,b\nq1,sum,1,0\nq2,word,0,1\n"))
    assert subjects[0].models == ("a", "b")
    assert notes[0].startswith("Left out, because they hold text instead of scores: kind;")
    assert "--group takes one" in notes[0]


def test_tasks_and_groups_come_from_columns(tmp_path: Path) -> None:
    text = "item,suite,doc,a,b\nq1,s,x,1,0\nq1,t,y,0,1\nq2,t,y,1,1\n"
    path = table(tmp_path, text)
    first, second = read_outcomes(path, TableChoice(task="suite", group="doc"))[0]
    assert (first.subject, first.items, first.groups) == ("s", ("q1",), ("x",))
    assert (second.subject, second.items, second.groups) == ("t", ("q1", "q2"), ("y", "y"))
    assert first.models == ("a", "b")


def test_named_models_come_in_the_order_named(tmp_path: Path) -> None:
    found = only(tmp_path, "item,a,b,c\nq1,1,0,80\n", TableChoice(models=("b", "a")))
    assert found.models == ("b", "a")
    assert [column[0] for column in found.scores] == [0, 1]


def test_repeats_are_averaged_where_asked(tmp_path: Path) -> None:
    text = "item,a,b\nq1,1,0\nq1,0,1\nq1,,1\nq2,,1\n"
    found = only(tmp_path, text, TableChoice(average=True))
    assert found.items == ("q1", "q2")
    assert found.scores[0][0] == pytest.approx(1 / 3)
    assert math.isnan(found.scores[0][1])
    with pytest.raises(InputError, match=r"'q1' stands 3 times.*--average"):
        only(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no CSV table"),
        ("{}\n", "no CSV table"),
        ("item\nq1\n", "one column only"),
        ("item,a,b\n", "no items"),
        ("item,a,a\nq1,1,1\n", "two columns called 'a'"),
        ("item,a,b\nq1,1\n", "line 2: 2 cells, where the header has 3"),
        ("item,a,b\nq1,1,0,1\n", "line 2: 4 cells"),
        ("item,a,b\nq1,1,0\nq2,1,yes!\n", "line 3: 'yes!' in the column 'b' is no score"),
        ("item,a,b\nq1,x,0\nq2,y,1\n", "'x' in the column 'a'"),
        ("item,a,b\nq1,57,0\n", "'57' in the column 'a' is no score between 0 and 1"),
        ("item,a,b\nq1,-0.1,0\n", "'-0.1'"),
        ("item,a,b\nq1,inf,0\n", "'inf'"),
        ("item,a,b\n,1,0\n", "line 2: item is empty"),
        ("item,a,b\nq1,,1\nq2,,0\n", "the column 'a' is empty"),
        ('item,a,b\n"q1,1,0\n', "unexpected end of data"),
        ("item,a," + "b" * 200_000 + "\nq1,1,0\n", "field limit"),
        (b"\xff\xfei\0t\0", "not UTF-8"),
        (b"item,a,b\nq1,1,0\nq\xff,1,1\n", "not UTF-8"),
    ],
)
def test_what_is_no_table_is_said(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        only(tmp_path, text)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (TableChoice(models=("a", "z")), "no column 'z'"),
        (TableChoice(task="suite"), "no column 'suite'"),
        (TableChoice(group="item"), "no column 'item'"),
    ],
)
def test_columns_that_are_not_there(tmp_path: Path, choice: TableChoice, says: str) -> None:
    with pytest.raises(InputError, match=says):
        only(tmp_path, "item,a,b\nq1,1,0\n", choice)


def test_groups_must_be_told_and_be_one_per_item(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="line 2: doc is empty"):
        only(tmp_path, "item,doc,a,b\nq1,,1,0\n", TableChoice(group="doc"))
    with pytest.raises(InputError, match="'q1' is in two groups"):
        only(
            tmp_path,
            "item,doc,a,b\nq1,x,1,0\nq1,y,1,0\n",
            TableChoice(group="doc", average=True),
        )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Cannot read .*: No such file"):
        read_outcomes(tmp_path / "none.csv")


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_a_table_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = table(tmp_path_factory.mktemp("t"), data)
    try:
        subjects, _ = read_outcomes(path)
    except InputError:
        return
    assert all(len(column) == len(one.items) for one in subjects for column in one.scores)


def test_real_results_of_17_models() -> None:
    path = shared("data", "suites", "ifeval", "per_item_results_17models.csv")
    (found,), notes = read_outcomes(path)
    assert len(found.items) == 541
    assert len(found.models) == 17
    assert "first_instruction" in notes[0]


def test_what_was_taken_for_a_model_is_said(tmp_path: Path) -> None:
    text = "item,is_hard,a,b\nq1,1,0,1\nq2,0,1,1\n"
    path = tmp_path / "items.csv"
    path.write_text(text, encoding="utf-8")
    (subject,), notes = read_outcomes(path)
    assert subject.models == ("is_hard", "a", "b")
    (said,) = notes
    assert said == (
        "Taken for models: is_hard, a, b. If one of them describes the items, name the models with "
        "--models."
    )
    assert read_outcomes(path, TableChoice(models=("a", "b")))[1] == ()


@pytest.mark.parametrize(
    ("header", "rows", "is_said"),
    [
        ("item,a,b", ("q1,0,1", "q2,1,1", "q3,1,0"), False),
        ("item,n_shots,b", ("q1,0,1", "q2,1,0"), True),
        ("item,a,b", ("q1,1,1", "q2,1,0"), True),  # a is the same for all items
        ("item,kind,a,b", ("q1,x,0,1", "q2,y,1,0"), True),
    ],
)
def test_models_are_named_where_one_may_be_none(
    header: str, rows: tuple[str, ...], is_said: bool, tmp_path: Path
) -> None:
    path = tmp_path / "items.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    notes = read_outcomes(path)[1]
    assert any(note.startswith("Taken for models: ") for note in notes) == is_said
