from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.report import sample_architectures as samples
from tests.report.html_check import Page
from weighbridge.core.inspection import Inspection
from weighbridge.core.quantization import Quantization
from weighbridge.core.units import format_bytes, format_count
from weighbridge.facts.licenses.intents import parse_intents
from weighbridge.report.inspect_index import inspect_index
from weighbridge.report.inspect_page import STATES, inspect_page, names_of, overview, shareable
from weighbridge.verbs.inspect import permitted

FOUR = (samples.dense(), samples.hybrid(), samples.latent(), samples.windowed())


def text_of(*inspections: Inspection, standalone: bool = True) -> str:
    return Page(inspect_page(inspections, standalone=standalone)).text.replace("\xa0", " ")


@pytest.mark.parametrize("standalone", [True, False])
@pytest.mark.parametrize("inspection", samples.ALL, ids=lambda item: item.architecture.model_type)
def test_every_shape_has_a_page(inspection: Inspection, standalone: bool) -> None:
    text = text_of(inspection, standalone=standalone)
    assert format_count(inspection.architecture.parameters) in text
    assert format_bytes(inspection.weight_bytes or 0) in text


@pytest.mark.parametrize("count", [2, 3, 4])
def test_several_models_stand_side_by_side(count: int) -> None:
    page = Page(inspect_page(FOUR[:count], standalone=False))
    for inspection in FOUR[:count]:
        assert inspection.name in page.text
    drawings = [values for tag, values in page.elements if values.get("class", "") == "model"]
    assert len(drawings) == count
    assert "What differs" in page.text


def test_ids_are_unique() -> None:
    for inspections in (FOUR, FOUR[:1]):
        ids = Page(inspect_page(inspections, standalone=True)).ids()
        assert len(ids) == len(set(ids))


def test_a_file_loads_nothing() -> None:
    page = Page(inspect_page(FOUR[:2], standalone=True))
    outside = [address for _, address in page.addresses if not address.startswith(("data:", "#"))]
    assert outside == []


def test_hostile_names_are_text() -> None:
    page = Page(inspect_page([samples.hostile(), samples.hostile()], standalone=True))
    assert not page.tags("img")
    assert samples.HOSTILE in page.text
    # Ours: the module of every page and the diagram's; the others are data.
    runnable = [
        values for values in page.tags("script") if values.get("type") != "application/json"
    ]
    assert len(runnable) == 2


def test_findings_and_assumptions_are_told() -> None:
    text = text_of(samples.unknown(), samples.dense())
    assert "The cache of Strange-1B is not modelled" in text
    assert "The weights of Dense-8B take" in text
    text = text_of(samples.unknown())
    assert "fourier_mixer is not modelled" in text
    assert "its cache is not known" in text


def test_an_unknown_number_format_is_never_a_size() -> None:
    unknown = Quantization("unknown", otherwise=0.0, known=False)
    odd = replace(samples.dense(), quantization=unknown)
    lines = {line.label: line for line in overview([odd], [None])}
    assert lines["Weights"].cells[0].text == lines["Weights read per token"].cells[0].text
    assert lines["Weights"].cells[0].text == "not known"
    assert "not known" in text_of(odd)


def test_licences_are_summed_up_and_no_advice() -> None:
    text = text_of(replace(samples.dense(), license="apache-2.0"), samples.hybrid())
    assert "apache-2.0" in text
    assert "blocked until" in text
    assert "not legal advice" in text


def test_unknown_caches_are_never_a_number() -> None:
    lines = {(line.label, line.note): line for line in overview([samples.unknown()], [1.0])}
    assert lines["Cache per further token", ""].cells[0].text == "not known"
    assert lines["State per sequence", STATES].cells[0].text == "not known"


def test_overview_compares_with_the_first() -> None:
    lines = {line.label: line for line in overview(FOUR[:2], [4.0, 1.0])}
    first, second = lines["Weights read per token"].cells
    assert (first.ratios, first.differs) == (("", "4.00×"), (False, True))
    assert (second.ratios, second.differs) == (("0.250×", ""), (True, False))
    assert (first.others, second.others) == ("1", "0")
    both = [line for line in overview([samples.windowed()], [1.0]) if "128k" in line.label]
    assert [line.label.rpartition(", ")[2] for line in both] == [
        "Cache at 128k tokens",
        "llama.cpp",
        "vLLM",
        "windows at full length",
    ]


def test_names_differ_even_where_models_do_not() -> None:
    one = samples.dense()
    other = replace(one, name="other.gguf")
    assert names_of([one]) == ["Dense-8B"]
    names = names_of([one, other, one])
    assert len(set(names)) == 3


def test_the_live_page_offers_a_comparison() -> None:
    page = Page(inspect_page([samples.dense()], standalone=False, picks=[("run", "inspect-1")]))
    assert ("a", "/inspect?run=inspect-1") in page.addresses
    alone = Page(inspect_page([samples.dense()], standalone=True, picks=[("run", "inspect-1")]))
    assert ("a", "/inspect?run=inspect-1") not in alone.addresses


def test_an_empty_list_says_so() -> None:
    assert "None yet." in Page(inspect_index([], [])).text


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_file_is_small(count: int) -> None:
    assert len(inspect_page(FOUR[:count], standalone=True).encode()) < 400_000


def test_what_differs_most_comes_first_and_the_rest_is_folded() -> None:
    html = inspect_page((samples.dense(), samples.hybrid()), standalone=True)
    section = html.partition('id="differences"')[2].partition("</section>")[0]
    leading, folded, rest = section.partition("<details>")
    assert folded
    assert leading.count("<tr") < 20 < rest.count("<tr")
    assert leading.index("12 × [3 gated DeltaNet") < leading.index("embedding")


def test_four_models_have_a_short_head_and_the_diagram_early() -> None:
    html = inspect_page(FOUR, standalone=True)
    assert "<h1>4 models side by side</h1>" in html
    head = html.partition("<article")[2].partition('id="diagram"')[0]
    assert head.partition("<details")[0].count("<p") == 2, "where from, and what follows"
    assert "Dense-8B reads" in head
    assert head.count("data-bases=") == 6


def test_any_two_can_be_compared() -> None:
    html = inspect_page(FOUR, standalone=True)
    (choice,) = Page(html).tags("select")
    assert "data-compare" in choice
    section = html.partition('id="differences"')[2].partition("</section>")[0]
    pairs = re.findall(r'<details data-bases="(\d \d)"( hidden)?', section)
    assert [pair for pair, _ in pairs] == ["0 1", "0 2", "0 3", "1 2", "1 3", "2 3"]
    assert [pair for pair, hidden in pairs if not hidden] == ["0 1", "0 2", "0 3"]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/home/ann/secret/Qwen3-8B/config.json", "Qwen3-8B/config.json"),
        ("/home/ann/secret/qwen3.gguf", "qwen3.gguf"),
        ("../secret/qwen3.gguf", "qwen3.gguf"),
        (r"C:\Users\ann\secret\qwen3.gguf", "qwen3.gguf"),
        ("/secret/Qwen3-8B", "Qwen3-8B"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("https://example.org/secret/x.gguf", "https://example.org/secret/x.gguf"),
    ],
)
def test_pages_tell_nobody_your_folders(source: str, shown: str) -> None:
    model = samples.dense()
    provenance = replace(model.provenance, source=source)
    model = replace(
        model, name=source, provenance=provenance, notes=(f"{source} states no licence.",)
    )
    assert shareable(model).provenance.source == shareable(model).name == shown
    html = inspect_page([model, model], standalone=True)
    assert shown in Page(html).text
    assert ("secret" in html) is ("secret" in shown)


def test_asked_answers_stand_on_the_page_with_reasons_and_source() -> None:
    model = replace(samples.dense(), license="gemma")
    asked = permitted(model, parse_intents("commercial,redistribute"))
    text = Page(inspect_page([model], standalone=True, permissions=[asked])).text
    assert f"May I? {asked.verdict}" in text
    for reason in asked.reasons:
        assert f"{reason.intent}: {reason.verdict} {' '.join(reason.words.split())}" in text
    assert asked.license.source in text
    assert asked.license.date in text
    assert "not legal advice" in text
    assert "May I?" not in text_of(model)


def test_few_differences_are_not_folded() -> None:
    near = samples.dense(name="Dense-8B-b")
    odd = replace(near.architecture, vocabulary=near.architecture.vocabulary + 1)
    html = inspect_page((samples.dense(), replace(near, architecture=odd)), standalone=True)
    section = html.partition('id="differences"')[2].partition("</section>")[0]
    assert "<details>" not in section


def test_caches_beyond_the_context_are_starred() -> None:
    model = samples.dense()
    short = replace(model, architecture=replace(model.architecture, context=16384))
    lines = {line.label: line for line in overview([short, model], [None, None])}
    starred = {label for label, line in lines.items() if line.cells[0].text.endswith("*")}
    assert starred == {"Cache at 32k tokens", "Cache at 128k tokens"}
    assert "beyond" in lines["Cache at 32k tokens"].note
