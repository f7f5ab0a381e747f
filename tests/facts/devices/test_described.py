"""Machines in words: `2x RTX 4090`, and `machine:` blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.machine import Machine
from weighbridge.core.units import GIB
from weighbridge.facts.devices import MachineBlock, from_block, parse_machine
from weighbridge.facts.devices.rows import entries
from weighbridge.facts.documents import parse_yaml


def block(text: str) -> Machine:
    return from_block(parse_yaml(text, MachineBlock, origin="study.yaml"))


@pytest.mark.parametrize(
    ("text", "count", "name"),
    [
        ("2x RTX 4090", 2, "RTX 4090"),
        ("2 x rtx 4090", 2, "RTX 4090"),
        ("8×H100 SXM", 8, "H100 SXM"),
        ("8*h100_sxm", 8, "H100 SXM"),
        ("8 H100 SXM", 8, "H100 SXM"),
        ("RTX 3090 x4", 4, "RTX 3090"),
        ("gb200 x72", 72, "GB200"),
        ("RTX 3090", 1, "RTX 3090"),
        ("4090", 1, "RTX 4090"),
        ("2x 3080 10GB", 2, "RTX 3080 10GB"),
        ("MI300X", 1, "MI300X"),
        ("24 GB RTX 3090", 1, "RTX 3090"),
        ("1 GB200", 1, "GB200"),
        ("RX 7900 XTX", 1, "RX 7900 XTX"),
    ],
)
def test_a_line_says_how_many_of_what(text: str, count: int, name: str) -> None:
    machine = parse_machine(text)
    assert (machine.count, machine.device.name) == (count, name)
    assert not machine.detected


def test_a_machine_has_a_label() -> None:
    assert parse_machine("2x rtx 4090").label == "2 × RTX 4090"
    assert parse_machine("rtx 4090").label == "RTX 4090"


@given(st.sampled_from([e.device.name for e in entries() if e.gb]), st.integers(1, 1024))
def test_any_number_of_any_device(name: str, count: int) -> None:
    for text in (f"{count}x {name}", f"{count}×{name}", f"{name} x{count}"):
        machine = parse_machine(text)
        assert (machine.count, machine.device.name) == (count, name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0x RTX 4090", "asks for 0 devices"),
        ("99999x RTX 4090", "asks for 99999 devices"),
        ("-2x RTX 4090", "no device '-2x RTX 4090'"),
        ("", "No device is named"),
        ("  ", "No device is named"),
        ("2x", "no device '2x'"),
        ("RTX 4090 + RTX 3090", "names unlike devices"),
        ("1x RTX 4090, 2x RTX 3090", "names unlike devices"),
        ("2x RTX 3080", "may mean 2 devices"),
        ("EPYC 9654", "depends on its board"),
    ],
)
def test_an_impossible_machine_is_an_error(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        parse_machine(text)
    assert error.value.fix


def test_a_processor_comes_with_the_memory_of_its_board() -> None:
    assert parse_machine("EPYC 9654 384GB").device.memory_bytes == 384 * GIB


def test_a_block_overrides_what_differs_here() -> None:
    machine = block(
        "{device: RTX 4090, count: 4, memory: 47.5GiB, bandwidth: 1.0TB/s, host_memory: 256GiB,"
        " host_bandwidth: 80, tflops: {bf16: 150}, power_w: 350, link: nvlink, link_bandwidth: 56}"
    )
    device = machine.device
    assert machine.label == "4 × RTX 4090"
    assert device.memory_bytes == int(47.5 * GIB)
    assert device.bandwidth_bytes_per_s == 1e12
    assert [(rate.flops, rate.status) for rate in device.rates] == [(150e12, "unverified")]
    assert (device.link.kind, device.link.bytes_per_s) == ("nvlink", 56e9)
    assert device.power_w == 350
    assert machine.host_memory_bytes == 256 * GIB
    assert machine.host_bandwidth_bytes_per_s == 80e9
    assert "the machine block" in device.provenance.source


def test_a_block_without_overrides_is_the_line() -> None:
    assert block("device: 2x RTX 4090") == parse_machine("2x RTX 4090")
    assert block("{device: h100 sxm, count: 8}") == parse_machine("8x h100 sxm")


def test_memory_that_is_stated_settles_which_size_is_meant() -> None:
    assert block("{device: M2 Ultra, memory: 180GiB}").device.memory_bytes == 180 * GIB
    assert block("{device: RTX 4090, memory: 48GiB}").device.memory_bytes == 48 * GIB
    with pytest.raises(InputError, match="may mean"):
        block("{device: H100, memory: 79GiB}")


def test_who_asks_for_an_unknown_device_is_told_all_that_a_block_needs() -> None:
    with pytest.raises(InputError, match="memory, bandwidth and tflops"):
        block("{device: Frob 9000}")


def test_a_device_that_nobody_knows_is_what_the_block_says() -> None:
    device = block("{device: Frob 9000, memory: 64GiB, bandwidth: 900GB/s}").device
    assert (device.name, device.vendor) == ("Frob 9000", "other")
    assert device.rates == ()
    assert device.rate("bf16") is None
    assert device.provenance.kind == "assumed"
    assert device.notes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{device: Frob 9000}", "no device 'Frob 9000'"),
        ("{device: Frob 9000, memory: 64GiB}", "no device 'Frob 9000'"),
        ("{device: RTX 4090, count: 0}", "asks for 0 devices"),
        ("{device: 2x RTX 4090, count: 3}", "disagree"),
        ("{device: RTX 4090, memory: lots}", "'lots' is not a size"),
        ("{device: RTX 4090, memory: '24'}", "too little for any model"),
        ("{device: RTX 4090, bandwidth: fast}", "is not a bandwidth"),
        ("{device: RTX 4090, bandwidth: -1}", "must be above 0"),
        ("{device: RTX 4090, bandwidth: .nan}", "must be above 0"),
        ("{device: RTX 4090, tflops: {bf16: 0}}", "must be above 0"),
        ("{device: RTX 4090, power_w: -5}", "must be above 0"),
        ("{device: RTX 4090, link: nvlink}", "needs `link_bandwidth`"),
        ("{device: RTX 4090, memroy: 24GiB}", "unknown field `memroy`"),
        ("{device: RTX 4090, tflops: {bf61: 1}}", "bf61"),
    ],
)
def test_a_block_that_cannot_be_is_an_error(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        block(text)


def test_a_misspelled_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as error:
        block("{device: RTX 4090, memroy: 24GiB}")
    assert error.value.fix == "Did you mean `memory`?"


def test_links_can_be_taken_away() -> None:
    link = block("{device: H100 SXM, link: none}").device.link
    assert (link.kind, link.bytes_per_s, link.domain) == ("none", 0.0, 1)
