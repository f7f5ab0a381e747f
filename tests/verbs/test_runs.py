from __future__ import annotations

import pytest

from tests.report import sample_load as sample
from weighbridge.core.traffic import LoadShape
from weighbridge.verbs.runs import listed, shapes_in_words, to_json
from weighbridge.workspace.folder import Workspace


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([LoadShape("closed", 1)], "1 user"),
        ([LoadShape("closed", users) for users in (1, 4, 8)], "1,4,8 users"),
        ([LoadShape("open", rate=2.0), LoadShape("open", 9, 4.5)], "2,4.5/s"),
        ([LoadShape("ramp", rate=8.0)], "up to 8/s"),
        ([LoadShape("replay", rate=3.25)], "trace, 3.25/s"),
        ([LoadShape("closed", 4), LoadShape("open", rate=7.0)], "4 users; 7/s"),
        ([], ""),
    ],
)
def test_levels_in_words(shapes: list[LoadShape], words: str) -> None:
    assert shapes_in_words(shapes) == words


def test_a_list_needs_no_requests_and_bears_damage(workspace: Workspace) -> None:
    run = sample.closed_run()
    workspace.save(run.info, run)
    folder = workspace.root / "runs" / run.info.id
    (folder / "requests.jsonl").write_text("damaged")
    (one,) = listed(workspace)
    assert one.load == shapes_in_words([level.shape for level in run.levels])
    assert not one.is_partial
    (folder / "run.json").write_text("damaged as well")
    (same,) = listed(workspace)
    assert (same.info.id, same.load) == (run.info.id, "")
    assert "load" not in to_json(workspace)["runs"][0]
