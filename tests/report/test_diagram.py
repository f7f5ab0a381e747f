from __future__ import annotations

import re
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.report import sample_architectures as samples
from tests.report.html_check import Page
from weighbridge.core.architecture import LayerRun, Part
from weighbridge.core.inspection import Inspection
from weighbridge.core.quantization import Quantization
from weighbridge.core.wording import reach
from weighbridge.predict.consequences import consequences
from weighbridge.report.diagram import diagram, differing
from weighbridge.report.diagram_block import Block
from weighbridge.report.diagram_face import Whole, brief_count, brief_size, row_height
from weighbridge.report.diagram_gather import gather, gathered, is_group
from weighbridge.report.diagram_rows import Row, align, changes, flat
from weighbridge.report.diagram_svg import GAP, folded
from weighbridge.report.diagram_tree import blocks_of
from weighbridge.report.kv_chart import context_lengths, kv_growth
from weighbridge.report.page import asset


def leaves(block: Block) -> list[Block]:
    inside = [child for child in block.children if child.role != "each"]
    return [found for child in inside for found in leaves(child)] or [block]


def block(tree: tuple[Block, ...], title: str) -> Block:
    (found,) = [item for item in tree if item.title == title]
    return found


@pytest.mark.parametrize("inspection", samples.ALL, ids=lambda item: item.architecture.model_type)
class TestEveryShape:
    def test_blocks_weigh_what_the_model_weighs(self, inspection: Inspection) -> None:
        tree = blocks_of(inspection)
        stored = inspection.architecture.mtp_parameters
        assert sum(item.parameters for item in tree) == inspection.architecture.parameters + stored
        for item in tree:
            assert sum(leaf.parameters for leaf in leaves(item)) == item.parameters

    def test_sizes_add_up_to_the_number_format(self, inspection: Inspection) -> None:
        size = sum(item.size for item in blocks_of(inspection) if item.component != "mtp")
        assert size == pytest.approx(inspection.quantization.weight_bytes(inspection.architecture))

    def test_reads_are_those_that_bound_the_speed(self, inspection: Inspection) -> None:
        read = sum(item.read for item in blocks_of(inspection))
        assert read == pytest.approx(consequences(inspection).read_bytes, abs=1)

    def test_caches_add_up_to_the_model(self, inspection: Inspection) -> None:
        architecture = inspection.architecture
        growth = [item.growth for item in blocks_of(inspection)]
        assert all(item.known for item in growth) is architecture.kv_known
        if architecture.kv_known:
            assert sum(item.per_token for item in growth) == architecture.kv_bytes_per_token()
            assert sum(item.state for item in growth) == architecture.state_bytes()

    def test_drawing_is_well_formed_and_loads_nothing(self, inspection: Inspection) -> None:
        drawn = diagram([inspection], ["a"])
        page = Page(drawn.columns[0].drawing + drawn.columns[0].strip)
        assert not page.addresses
        assert {tag for tag, _ in page.elements} <= {
            *("svg", "defs", "pattern", "path", "circle", "g", "rect", "text", "tspan")
        }
        assert "style" not in {name for _, values in page.elements for name in values}
        assert "script" not in re.findall(r"<(\w+)", drawn.columns[0].drawing)


def test_a_period_is_shown_as_its_unit() -> None:
    run = block(blocks_of(samples.hybrid()), "12 × [3 gated DeltaNet + MoE, 1 full GQA + MoE]")
    assert [child.title for child in run.children] == [
        "3 × gated DeltaNet + MoE",
        "full GQA + MoE",
        "every layer, 0–47",
    ]
    assert run.children[0].parameters == 36 * samples.hybrid().architecture.layers[0].parameters
    assert run.children[-1].sequence == (0, 0, 0, 1) * 12


def test_equal_layers_unfold_to_their_parts() -> None:
    run = block(blocks_of(samples.deep()), "126 × full GQA + MLP")
    assert [child.role for child in run.children] == ["mixer", "feed-forward", "norm", "each"]
    assert run.growth.per_token == 126 * 8 * 256 * 2


def test_formulas_have_the_numbers_put_in() -> None:
    attention = block(blocks_of(samples.dense()), "32 × full GQA + MLP").children[0]
    formulas = dict(attention.formulas)
    assert formulas["query"] == (
        "hidden 4,096 × heads 32 × 128 = 16,777,216; × 32 layers = 536,870,912"
    )
    assert "2,048 numbers × 2 bytes × 32 layers = 128.00" in formulas["cache per token"]
    assert dict(attention.facts)["KV heads"] == "8"


def test_groups_have_formulas_that_add_up() -> None:
    for inspection in samples.ALL:
        for item in blocks_of(inspection):
            if item.role != "run":
                continue
            total = f"= {item.parameters:,}"
            assert dict(item.formulas)["weights"].endswith(total)
            for each in (child for child in item.children if child.role == "each"):
                assert dict(each.formulas)["weights"].endswith(total)


def test_per_layer_tables_are_looked_up_and_their_projections_read() -> None:
    table = Part("per_layer_embedding", "per-layer embedding", 10**6)
    joined = Part("per_layer_embedding", "per-layer projection and norm", 1000)
    gate = Part("per_layer_embedding", "per-layer gate, projection and norm", 10)
    dense = samples.dense()
    (run,) = dense.architecture.runs
    (layer,) = run.layers
    with_gate = replace(run, layers=(replace(layer, parts=(*layer.parts, gate)),))
    outside = (*dense.architecture.outside, table, joined)
    model = replace(
        dense, architecture=replace(dense.architecture, runs=(with_gate,), outside=outside)
    )
    tree = blocks_of(model)
    bits = model.quantization.bits_of("per_layer_embedding")
    outer = block(tree, "per-layer embedding table")
    assert (outer.parameters, outer.read) == (10**6 + 1000, 1000 * bits / 8)
    (whole,) = [item for item in tree if item.role == "run"]
    (inner,) = [item for item in whole.children if item.component == "per_layer_embedding"]
    assert inner.title == "per-layer gate and projection"
    assert inner.read == inner.size > 0
    assert sum(item.read for item in tree) == pytest.approx(consequences(model).read_bytes, abs=1)


def test_only_routed_experts_are_read() -> None:
    run = block(blocks_of(samples.latent()), "58 × MLA + MoE")
    experts = next(child for child in run.children if child.component == "experts")
    assert experts.title == "8 of 256 experts"
    assert experts.read == pytest.approx(experts.size * 8 / 256)


def test_a_tied_head_weighs_nothing_and_is_read() -> None:
    tree = blocks_of(samples.windowed())
    head, embedding = block(tree, "output head, tied"), block(tree, "embedding")
    assert (head.parameters, head.read) == (0, embedding.size)
    assert (embedding.read, embedding.read_text) == (0, "one row/token")


def test_unknown_caches_are_called_so() -> None:
    (run,) = [item for item in blocks_of(samples.unknown()) if item.role == "run"]
    assert "unknown mixer (fourier_mixer)" in run.title
    assert run.growth.text.endswith("not known")


def test_unknown_number_formats_give_no_sizes() -> None:
    format_ = Quantization("unknown", otherwise=0.0, known=False)
    tree = blocks_of(replace(samples.hybrid(), quantization=format_))
    assert {item.size_text for item in tree} == {item.read_text for item in tree} == {"not known"}
    assert all("bits" not in text for item in tree for _, text in item.formulas)


def test_towers_stand_above_and_prediction_below() -> None:
    titles = [item.title for item in blocks_of(samples.windowed())]
    assert titles[:3] == ["vision tower", "audio tower", "embedding"]
    assert blocks_of(samples.hybrid())[-1].title == "multi-token prediction"


class TestRows:
    def test_counterparts_meet_by_their_mixer(self) -> None:
        trees = [blocks_of(item, by_layer=True) for item in (samples.dense(), samples.hybrid())]
        layers = [row for _, row in flat(align(trees)) if row.any.role == "layer"]
        pairs = [tuple(cell and cell.title for cell in row.cells) for row in layers]
        assert pairs == [
            (None, "3 × gated DeltaNet + MoE"),
            ("full GQA + MLP", "full GQA + MoE"),
        ]

    def test_every_block_has_one_row_and_keeps_its_order(self) -> None:
        models = [*samples.ALL[:4]]
        trees = [blocks_of(item, by_layer=True) for item in models]
        rows = align(trees)
        for index, tree in enumerate(trees):
            shown = [row.cells[index] for row in rows if row.cells[index] is not None]
            assert shown == list(tree)
        keys = [row.key for _, row in flat(rows)]
        assert len(keys) == len(set(keys))

    def test_a_model_does_not_differ_from_itself(self) -> None:
        drawn = diagram([samples.hybrid(), samples.hybrid()], ["a", "b"])
        assert differing(drawn.rows, 0, 1) == []
        assert 'class="block changed"' not in drawn.columns[1].drawing

    def test_changes_name_before_and_after(self) -> None:
        drawn = diagram([samples.dense(), samples.dense(40, name="Dense-10B")], ["a", "b"])
        told = {
            row.any.role: {item.name: (item.before, item.after) for item in found}
            for row, found in differing(drawn.rows, 0, 1)
        }
        assert told["run"]["layers"] == ("32", "40")
        assert told["run"]["cache"] == ("+128.00\xa0KiB/token", "+160.00\xa0KiB/token")
        assert "embedding" not in told
        assert 'class="block changed"' in drawn.columns[1].drawing
        assert "layers 32 → 40" in drawn.columns[1].drawing

    def test_what_one_model_lacks_is_said_once(self) -> None:
        drawn = diagram([samples.dense(), samples.hybrid()], ["a", "b"])
        missing = [
            row.any.title
            for row, told in differing(drawn.rows, 0, 1)
            if (told[0].name, told[0].before) == ("block", "none")
        ]
        assert "3 × gated DeltaNet + MoE" in missing
        assert "gated DeltaNet" not in missing
        assert "not in this model" in drawn.columns[0].drawing

    def test_nothing_against_nothing_is_no_change(self) -> None:
        assert changes(None, None) == ()


def searched(shares: tuple[int, ...], name: str = "Searched-50B") -> Inspection:
    """A model whose layers a search made unlike: runs of so many layers, MLPs of two widths."""
    layers = [
        samples.with_mlp(samples.gqa(1024, 16, 4, 64), 1024, 2048 + 1024 * (place % 2))
        for place in range(len(shares))
    ]
    runs = tuple(LayerRun(n, (layer,)) for n, layer in zip(shares, layers, strict=True))
    return samples.inspected(samples.model(name, 1024, 32_000, runs, 4096))


class TestManyRuns:
    def test_a_long_run_meets_the_largest_one_and_not_the_first(self) -> None:
        trees = [blocks_of(samples.deep()), blocks_of(searched((1, 5, 2, 30, 9)))]
        rows = [row for row in align(trees) if row.any.role == "run"]
        both = [row for row in rows if None not in row.cells]
        assert [row.cells[1].title for row in both if row.cells[1]] == ["30 × full GQA + MLP"]
        alone = [row.cells[1] for row in rows if row.cells[0] is None and row.cells[1]]
        assert [is_group(item) for item in alone] == [True, False]
        assert dict(alone[0].facts)["layers"] == "8"

    def test_experts_meet_the_layers_though_the_first_run_is_more_alike(self) -> None:
        trees = [blocks_of(samples.deep()), blocks_of(samples.latent())]
        both = [row for row in align(trees) if None not in row.cells and row.any.role == "run"]
        assert [row.cells[1].title for row in both if row.cells[1]] == ["58 × MLA + MoE"]

    def test_gathering_loses_nothing(self) -> None:
        for shares in ((1, 5, 2, 3, 30, 1, 2, 9, 1, 1), (2,) * 13):
            tree = blocks_of(searched(shares))
            for several in (False, True):
                found = gathered(tree, several=several)
                assert len(found) < len(tree)
                assert sum(one.parameters for one in found) == sum(one.parameters for one in tree)
                kept = [
                    one for item in found for one in (item.children if is_group(item) else [item])
                ]
                assert kept == list(tree)

    def test_few_runs_stand_each_by_itself(self) -> None:
        tree = blocks_of(searched((1, 2, 3, 4, 5, 6)))
        assert gathered(tree, several=True) == tree

    def test_groups_say_what_they_hold_and_dissolve_in_groups(self) -> None:
        runs = [item for item in blocks_of(searched((1, 5, 2, 3))) if item.role == "run"]
        group = gather([gather(runs[:3]), runs[3]])
        assert list(group.children) == runs
        assert group.title == "4 runs: 11 × full GQA + MLP"
        assert dict(group.facts) == {"layers": "11", "numbers": "0–10"}

    def test_what_only_one_model_has_takes_one_line_of_the_other(self) -> None:
        drawn = diagram([samples.deep(), searched((1, 5, 2, 3, 30, 1, 2, 1, 9, 1, 1))], ["a", "b"])
        outer = [row for depth, row in drawn.rows if depth == 0 and row.cells[0] is None]
        assert len(outer) <= 3


def test_folded_groups_say_the_size_of_one_and_how_often() -> None:
    run = block(blocks_of(samples.dense()), "32 × full GQA + MLP")
    for name in ("size", "read per token"):
        text = dict(run.formulas)[name]
        assert text.startswith("32 × (80.00\xa0MiB (full GQA) + ")
        assert text.endswith(f"= {run.size_text}")


def test_every_model_can_be_the_one_compared_with() -> None:
    drawn = diagram([samples.dense(), samples.hybrid(), samples.latent()], ["a", "b", "c"])
    for column in range(3):
        markup = drawn.columns[column].drawing
        told = {int(base) for base in re.findall(r'class="told" data-base="(\d)"', markup)}
        assert told == {0, 1, 2} - {column}
        shown = re.findall(r'class="told" data-base="(\d)">', markup)
        assert set(shown) == ({"0"} if column else set()), "the first, until another is chosen"
    heights = [row["heights"] for row in drawn.data["rows"]]
    assert all(len(found) == 3 for found in heights)
    assert any(len(set(found)) > 1 for found in heights)


def test_folded_blocks_follow_each_other_without_overlap() -> None:
    rows = align([blocks_of(item) for item in (samples.windowed(), samples.latent())])
    wholes = (Whole(1, 1.0), Whole(1, 1.0))
    column = [(y, row_height(row, wholes)) for row, y in folded(rows, wholes)]
    for (above, height), (below, _) in pairwise(column):
        assert below == above + height + GAP


def test_126_layers_cost_little() -> None:
    began = time.process_time()
    drawn = diagram([samples.deep()] * 4, ["a", "b", "c", "d"])
    assert time.process_time() - began < 1
    assert sum(len(column.drawing) for column in drawn.columns) < 100_000
    (each,) = [item for item in drawn.data["blocks"][0].values() if "sequence" in item]
    assert (len(each["sequence"]), len(each["kinds"])) == (126, 1)


def test_strip_has_a_cell_for_every_layer() -> None:
    strip = diagram([samples.hybrid()], ["a"]).columns[0].strip
    assert strip.count("<rect") == 2 * 48


def test_classes_are_known_to_the_stylesheet() -> None:
    known = set(re.findall(r"\.([a-z][a-z0-9-]*)", asset("style.css").decode()))
    markup = "".join(diagram([item], ["a"]).columns[0].drawing for item in samples.ALL)
    used = {name for value in re.findall(r'class="([^"]*)"', markup) for name in value.split()}
    structure = {"blocks", "node", "inside", "hue", "edge", "figure", "title", "band", "told"}
    assert used - structure <= known


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (999, "999"), (525_336_576, "525M"), (30_330_000_000, "30.3B")]
)
def test_counts_on_blocks_have_three_digits(count: int, text: str) -> None:
    assert brief_count(count) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0\xa0B"), (131_072, "128\xa0KiB"), (1_050_673_152, "1002\xa0MiB")]
)
def test_sizes_on_blocks_have_three_digits(count: int, text: str) -> None:
    assert brief_size(count) == text


class TestChart:
    def test_points_are_the_records(self) -> None:
        model = samples.windowed()
        figure = kv_growth([model], ["w"])
        assert figure is not None
        least, full = figure.series
        for (tokens, count), (_, more) in zip(least.points, full.points, strict=True):
            assert count == model.architecture.kv_bytes(tokens)
            assert more == model.architecture.kv_full_length_bytes(tokens)
        assert (least.full_length, full.full_length) == (False, True)
        assert figure.drawing.count('class="curve series-1 dashed"') == 1

    def test_windows_and_contexts_are_among_the_lengths(self) -> None:
        lengths = context_lengths(samples.windowed().architecture, 131_072)
        assert {1024, 131_072} <= set(lengths)
        assert lengths == sorted(lengths)

    def test_what_is_not_known_is_not_drawn(self) -> None:
        assert kv_growth([samples.unknown()], ["u"]) is None
        both = kv_growth([samples.unknown(), samples.dense()], ["u", "d"])
        assert both is not None
        assert [line.name for line in both.series] == ["d"]

    def test_names_are_no_markup(self) -> None:
        figure = kv_growth([samples.hostile()], [samples.HOSTILE])
        assert figure is not None
        page = Page(figure.drawing)
        assert not page.tags("img")
        labels = [values.get("aria-label") or "" for _, values in page.elements]
        assert any(label.startswith(samples.HOSTILE) for label in labels)

    def test_places_are_logarithms(self) -> None:
        figure = kv_growth([samples.dense()], ["d"])
        assert figure is not None
        (line,) = figure.series
        segments = [
            values
            for tag, values in Page(figure.drawing).elements
            if tag == "line" and values.get("class") != "grid"
        ]
        assert len(segments) == len(line.points) - 1
        # Without windows bytes grow as tokens do: every segment has the same slope.
        slopes = []
        for item in segments:
            x1, x2, y1, y2 = (
                float((item[name] or "").removesuffix("%")) for name in ("x1", "x2", "y1", "y2")
            )
            slopes.append((y2 - y1) / (x2 - x1))
        assert slopes == pytest.approx([slopes[0]] * len(slopes), rel=0.02)
        assert slopes[0] < 0, "down is up in a drawing"

    def test_what_is_beyond_training_is_marked(self) -> None:
        model = samples.dense()
        context = reach(model.architecture)
        assert context is not None
        figure = kv_growth([model], ["d"])
        assert figure is not None
        assert figure.drawing.count('class="trained"') == 1
        beyond = [length for length, _ in figure.series[0].points if length > context]
        assert figure.drawing.count('class="beyond"') == len(beyond)
        starred = [length for length, cells in figure.table if cells[0].endswith("*")]
        assert [int(length.replace(",", "")) > context for length in starred] == [True] * len(
            beyond
        )

    @pytest.mark.parametrize("inspection", samples.ALL, ids=lambda item: item.name)
    def test_everything_lies_within_the_drawing(self, inspection: Inspection) -> None:
        figure = kv_growth([inspection], ["m"])
        if figure is None:
            assert not inspection.architecture.kv_known
            return
        places = re.findall(r'[xy][12]?="([-\d.]+)%"', figure.drawing)
        assert places
        assert all(0 <= float(place) <= 100 for place in places)


def test_rows_know_their_first_block() -> None:
    (dense,) = [item for item in blocks_of(samples.dense()) if item.role == "run"]
    assert Row("0", (None, dense), ()).any is dense


def test_kinds_that_alternate_often_stand_together() -> None:
    linear, full = (samples.hybrid().architecture.layers[index] for index in (0, 3))
    unit = (linear, full, linear, linear, full, linear, full)
    model = samples.hybrid()
    model = replace(model, architecture=replace(model.architecture, runs=(LayerRun(2, unit),)))
    (run,) = [item for item in blocks_of(model) if item.role == "run"]
    assert run.title == "2 × [4 gated DeltaNet + MoE, 3 full GQA + MoE, in turns]"
    assert [child.role for child in run.children] == ["layer", "layer", "each"]
    assert run.parameters == 2 * (4 * linear.parameters + 3 * full.parameters)
    assert run.children[-1].sequence == (0, 1, 0, 0, 1, 0, 1) * 2
