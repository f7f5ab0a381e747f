from __future__ import annotations

from pathlib import Path

from weighbridge.facts.devices.called import names_of


def test_a_device_goes_by_the_names_of_the_catalogue(tmp_path: Path) -> None:
    assert names_of("1x l4") == ("l4", "L4")
    assert "H100 80GB HBM3" in names_of("8x H100 SXM")
    assert {"A100 PCIe 40GB", "A100 SXM 80GB"} <= set(names_of("A100"))
    assert names_of("2x Frobnicator 9") == ("Frobnicator 9",)
    assert names_of("") == ()
    block = tmp_path / "box.yaml"
    block.write_text("machine:\n  device: L4\n  count: 2\n")
    assert names_of(str(block)) == ("L4",)
    assert names_of("none.yaml") == ("none.yaml",)
