"""Finding prices: by provider and model, by model alone, given in a word; and GPUs."""

from __future__ import annotations

import pytest

from weighbridge.core.errors import InputError
from weighbridge.core.prices import ApiPrice, GpuOffer, PriceTier, Terms, TokenPrice
from weighbridge.core.provenance import Provenance
from weighbridge.facts.prices.lookup import Prices, with_own, with_own_gpus

TODAY = "2026-11-21"
SEEN = Provenance("catalogue", "a list", "2026-11-12")


def api(name: str, usd: float = 1.0, *aliases: str) -> ApiPrice:
    provider, _, model = name.partition("/")
    return ApiPrice(
        provider, model, (PriceTier(0, TokenPrice(usd, 4 * usd)),), SEEN, aliases=aliases
    )


def gpu(
    usd: float, device: str = "H100 SXM", terms: Terms = "on-demand", date: str = TODAY
) -> GpuOffer:
    return GpuOffer("p", device, terms, usd, "", Provenance("catalogue", "a list", date))


def prices(*listed: ApiPrice, own: tuple[str, ...] = (), gpus: tuple[GpuOffer, ...] = ()) -> Prices:
    return Prices(listed, gpus, ("open/free:free", "open/gift"), frozenset(own), (), TODAY)


HOSTS = prices(
    api("anthropic/opus-5", 5, "opus-latest", "opus-5.0"),
    api("open/anthropic/opus-5", 5),
    api("open/meta/llama-70b", 0.5),
    api("open/other/llama-70b", 0.7),
    api("host/Llama-8B", 0.02),
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("anthropic/opus-5", "anthropic/opus-5"),
        ("Anthropic/OPUS-5", "anthropic/opus-5"),
        ("anthropic/opus-latest", "anthropic/opus-5"),
        ("opus-latest", "anthropic/opus-5"),
        (" llama-8b ", "host/Llama-8B"),
        ("open/anthropic/opus-5", "open/anthropic/opus-5"),
        ("meta/llama-70b", "open/meta/llama-70b"),
    ],
)
def test_a_name_that_is_clear(text: str, name: str) -> None:
    assert HOSTS.find_api(text).name == name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("opus-5", r"2 providers\. Say which: anthropic/opus-5 \(5/20\), open/anthropic/opus-5"),
        ("llama-70b", r"in 2 entries\. Say which: open/meta/llama-70b"),
        ("anthropic/opus-6", "Nearest .*anthropic/opus-5"),
        ("lama-8b", "host/Llama-8B"),
        ("nothing like it at all", "No price of .* is known"),
        ("open/gift", "unknown: lists have it at 0"),
        ("gift", "State it: open/gift=IN/OUT"),
        ("", "No price of"),
    ],
)
def test_a_name_that_is_not(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        HOSTS.find_api(text)
    assert caught.match(says)


def test_the_users_own_price_is_meant_where_several_are() -> None:
    listed = with_own(HOSTS.api, [api("us/opus-5", 2)])
    assert prices(*listed, own=("us/opus-5",)).find_api("opus-5").name == "us/opus-5"
    replaced = with_own(HOSTS.api, [api("Anthropic/Opus-5", 3)])
    assert len(replaced) == len(HOSTS.api)
    assert prices(*replaced).find_api("anthropic/opus-5").price.input == 3


@pytest.mark.parametrize(
    ("text", "name", "price"),
    [
        (".02/.05", ".02/.05", TokenPrice(0.02, 0.05)),
        ("$3/$15", "$3/$15", TokenPrice(3.0, 15.0)),
        ("our host=0.02/0.05", "our host", TokenPrice(0.02, 0.05)),
        ("a=b=1/2/0.5", "a=b", TokenPrice(1.0, 2.0, cached=0.5)),
        ("us=1/2/0", "us", TokenPrice(1.0, 2.0)),
    ],
)
def test_a_price_in_a_word_is_an_assumption(text: str, name: str, price: TokenPrice) -> None:
    found = HOSTS.find_api(text)
    assert (found.name, found.price) == (name, price)
    assert found.provenance == Provenance("assumed", "given on the command line", TODAY)


@pytest.mark.parametrize(
    "text", ["us=", "us=1", "us=1/", "us=-1/2", "us=nan/1", "us=1e3/1", "us=0/1", "1/0"]
)
def test_a_price_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match=r"our-host=0\.02/0\.05"):
        HOSTS.find_api(text)


def test_gpus_by_any_name_of_theirs() -> None:
    known = prices(gpus=(gpu(2), gpu(3), gpu(7), gpu(1, terms="spot"), gpu(9, "H100 PCIe")))
    found = known.find_gpu("h100_sxm")
    assert (found.low, found.median, found.high, found.offers) == (2, 3, 7, 3)
    assert known.find_gpu("H100 SXM", "spot").median == 1
    listed = [(each.device, each.terms) for each in known.gpu_prices()]
    assert listed == [("H100 PCIe", "on-demand"), ("H100 SXM", "on-demand"), ("H100 SXM", "spot")]
    with pytest.raises(InputError, match="may mean"):
        known.find_gpu("H100")
    with pytest.raises(InputError, match=r"No reserved price of H100 SXM .*on-demand and spot"):
        known.find_gpu("H100 SXM", "reserved")
    with pytest.raises(InputError, match=r"No on-demand price of L4 is known\. Put yours"):
        known.find_gpu("L4")


def test_stale_offers_count_only_where_there_are_no_others() -> None:
    old = gpu(1, date="2026-05-01")
    assert prices(gpus=(old, gpu(3))).find_gpu("H100 SXM").low == 3
    alone = prices(gpus=(old,)).find_gpu("H100 SXM")
    assert (alone.low, alone.provenance.date) == (1, "2026-05-01")


def test_own_gpu_prices_replace_those_of_the_same_terms() -> None:
    offers = with_own_gpus((gpu(2), gpu(1, terms="spot"), gpu(5, "L4")), (gpu(9),))
    assert [(each.device, each.terms, each.usd_per_gpu_hour) for each in offers] == [
        ("H100 SXM", "spot", 1),
        ("L4", "on-demand", 5),
        ("H100 SXM", "on-demand", 9),
    ]
