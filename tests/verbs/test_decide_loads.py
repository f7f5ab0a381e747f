"""Of which machine a load run speaks, and which of a model's runs counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fakes.runs import accurate, eval_run
from weighbridge.core.constraints import Constraints, ExpectedLoad
from weighbridge.core.inspection import Inspection
from weighbridge.core.load import Distribution, LoadLevel, LoadRun
from weighbridge.core.provenance import Provenance
from weighbridge.core.study import ModelSheet
from weighbridge.core.telemetry import ClientHealth
from weighbridge.core.traffic import LoadShape
from weighbridge.core.verdict import Verdict
from weighbridge.core.workload import parse_slo
from weighbridge.facts.catalog.catalogue import load as catalogue
from weighbridge.facts.devices import read_machine
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.verbs.decide import decide
from weighbridge.verbs.decide_evidence import Told
from weighbridge.workspace.folder import Workspace

CPU = "AMD EPYC 9B14, 2 cores, 23.5 GiB, Linux 6.1, Python 3.11.7"
GPU = "AMD EPYC 9B14, 2 cores, 23.5 GiB, 1 x NVIDIA GeForce RTX 4090, Linux 6.1, Python 3.11.7"
HERE = "http://127.0.0.1:1/v1"
BUSY = ClientHealth(8.0, 0.99, 1, 9, 9, 9, 50, limited=("Its processor was busy.",))


@pytest.fixture
def store(workspace: Workspace) -> Workspace:
    for name, right in (("clerk", 180), ("tally", 150)):
        run = eval_run(name, "s", accurate(right, 200), run_id=f"eval-{right:06x}")
        items = tuple(replace(item, prompt_tokens=200, output_tokens=50) for item in run.items)
        workspace.save(run.info, replace(run, items=items, url=HERE))
    return workspace


def inspected(store: Workspace, model: str) -> None:
    architecture = catalogue().find("Qwen/Qwen3-0.6B").architecture()
    source = Provenance("catalogue", model, "2026-01-05")
    seen = Inspection(model, architecture, what_if("bf16", architecture), None, source)
    info = store.new_info("inspect", model=model, subject=model, key="k")
    store.save(info, ModelSheet(info, model, seen))


def loaded(
    store: Workspace, model: str, machine: str, *, url: str = HERE, busy: bool = False,
    ms: float = 10.0, rate: float = 279.0,
) -> str:  # fmt: skip
    sample = Distribution(50, ms, ms, ms, ms, ms)
    level = LoadLevel(
        LoadShape("closed", 4), 50, 0, (), "", 1.0, rate, 1, 1.0, "usage", sample, None, sample,
        sample, client=BUSY if busy else None,
    )  # fmt: skip
    info = replace(store.new_info("load", model=model, subject="chat", key="k"), machine=machine)
    store.save(info, LoadRun(info, url, 8, (level,), ()))
    return info.id


def decided(store: Workspace, device: str = "2x RTX 4090", **asked: object) -> Verdict:
    machine = read_machine(device)
    constraints = Constraints(
        device_bytes=(machine.device.memory_bytes,) * machine.count,
        **asked,  # type: ignore[arg-type]
    )
    memory = dict.fromkeys(("clerk", "tally"), 2**30)
    return decide(store, constraints=constraints, told=Told(machine), memory_bytes=memory).verdict


def sources(verdict: Verdict) -> Iterator[tuple[str, str | None]]:
    for one in verdict.tasks[0].standings:
        yield one.model, None if one.served is None else one.served.provenance.kind


def test_a_load_test_of_another_machine_is_no_evidence_for_a_device(store: Workspace) -> None:
    run = loaded(store, "clerk", CPU)
    other = loaded(store, "tally", CPU)
    inspected(store, "clerk")
    verdict = decided(store, load=ExpectedLoad(requests_per_s=12.0))
    assert dict(sources(verdict)) == {"clerk": "predicted", "tally": None}
    notes = " ".join(verdict.notes)
    assert (
        f"{run} of clerk was measured on AMD EPYC 9B14 and says nothing of 2 × RTX 4090: its "
        "latency and what it serves there are predicted instead." in notes
    )
    assert f"{other} of tally was measured on AMD EPYC 9B14" in notes
    assert "there are unknown." in notes
    # Nor does it rule anything out.
    slow = decided(store, slo=parse_slo("e2e_p95<600s"))
    assert [one.model for one in slow.removed] == ["tally"]
    assert slow.removed[0].reason == "Whether it holds e2e_p95<600000ms is not known."


def test_a_load_test_of_that_device_counts_and_without_devices_all_do(store: Workspace) -> None:
    loaded(store, "clerk", GPU)
    loaded(store, "clerk", CPU)
    loaded(store, "tally", CPU)
    verdict = decided(store)
    assert dict(sources(verdict)) == {"clerk": "measured", "tally": None}
    # What was measured there makes the run of another machine no matter.
    assert not any("of clerk was measured on AMD" in note for note in verdict.notes)
    free = decide(store).verdict
    assert dict(sources(free)) == {"clerk": "measured", "tally": "measured"}
    assert not any("says nothing of" in note for note in free.notes)


def test_a_remote_server_may_have_the_device_and_a_note_says_that_nobody_knows(
    store: Workspace,
) -> None:
    run = loaded(store, "clerk", CPU, url="http://10.0.0.7:8000/v1")
    verdict = decided(store)
    assert dict(sources(verdict)) == {"clerk": "measured", "tally": None}
    said = f"Whether {run} of clerk was measured on 2 × RTX 4090 cannot be told"
    assert any(note.startswith(said) for note in verdict.notes)


def test_a_run_that_the_client_limited_gives_way_to_an_older_one_that_it_did_not(
    store: Workspace,
) -> None:
    clean = loaded(store, "clerk", CPU, rate=300.0)
    loaded(store, "clerk", CPU, busy=True, rate=50.0)
    loaded(store, "tally", CPU, busy=True, rate=544.0)
    asked = Constraints(load=ExpectedLoad(requests_per_s=5000.0))
    verdict = decide(store, constraints=asked).verdict
    served = {one.model: one.served for one in verdict.tasks[0].standings}
    clerk, tally = served["clerk"], served["tally"]
    assert clerk is not None
    assert (clerk.provenance.source, clerk.is_client_limited) == (clean, False)
    # Without an SLO it is a lower bound all the same, and no licence for one replica.
    assert tally is not None
    assert tally.capacity is not None
    assert (tally.capacity.value, tally.capacity.high) == (544.0, None)
    assert dict(verdict.chosen.replicas) == {"clerk": 17}
    only = decide(store, names=["tally@s"], constraints=asked).verdict
    assert dict(only.chosen.replicas) == {"tally": 10}
    assert any("a lower one, so that fewer replicas may do." in note for note in only.notes)
