"""All prices that are known, and finding one by what somebody calls it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weighbridge.core.errors import InputError
from weighbridge.core.prices import ApiPrice, GpuOffer, GpuPrice, Terms, is_stale, summary
from weighbridge.facts.devices.catalogue import find as find_device
from weighbridge.facts.prices.inline import EXAMPLE, ON_COMMAND_LINE, parse_inline

_MOST_LISTED = 8


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of APIs and GPUs.

    Attributes:
        api: each model at each provider once; the user's own replace those of the same name.
        gpus: offers; the user's own replace all others of the same device and terms.
        unknown: names of models that lists have without a price, or at 0.
        own: names of the API prices that are the user's.
        notes: what could not be read and was left out, in sentences.
        today: the ISO date on which they were asked for.
        said: where prices that are given in a word were given.
    """

    api: tuple[ApiPrice, ...]
    gpus: tuple[GpuOffer, ...]
    unknown: tuple[str, ...]
    own: frozenset[str]
    notes: tuple[str, ...]
    today: str
    said: str = ON_COMMAND_LINE

    def find_api(self, text: str) -> ApiPrice:
        """The price that ``text`` means: ``provider/model``, a model, or a price itself.

        ``NAME=in/out`` or ``in/out``, in USD per million tokens, is an assumed price.

        Raises:
            InputError: no price, or several, go by that name; says which are near.
        """
        given = parse_inline(text, today=self.today, said=self.said)
        if given is not None:
            return given
        wanted = _key(text)
        found = [price for price in self.api if wanted in _full_names(price)]
        found = found or [price for price in self.api if wanted in _short_names(price)]
        mine = [price for price in found if price.name in self.own]
        if len(mine) == 1:
            return mine[0]
        # Of several entries of one provider the one of exactly that name is meant.
        exact = [price for price in found if wanted in (_key(price.model), _key(price.name))]
        if len({price.provider for price in found}) == 1 and len(exact) == 1:
            return exact[0]
        if len(found) == 1:
            return found[0]
        if found:
            raise _several(text, found)
        raise self._none(text, wanted)

    def find_gpu(self, device: str, terms: Terms = "on-demand") -> GpuPrice:
        """What a device costs by the hour, over all offers on these terms.

        Raises:
            InputError: there is no such device, or no price of it is known on these terms.
        """
        name = find_device(device).device.name
        offers = [each for each in self.gpus if each.device == name]
        fitting = [each for each in offers if each.terms == terms]
        if fitting:
            return summary(_fresh(fitting, self.today))
        others = sorted({each.terms for each in offers})
        known = f"Known is its price {' and '.join(others)}. " if others else ""
        raise InputError(
            f"No {terms} price of {name} is known.",
            fix=f"{known}Put yours into prices.toml: [[gpu]] with device, terms, usd_per_hour.",
        )

    def gpu_prices(self) -> tuple[GpuPrice, ...]:
        """The spread of every device on all terms, by name."""
        groups: dict[tuple[str, Terms], list[GpuOffer]] = {}
        for offer in self.gpus:
            groups.setdefault((offer.device, offer.terms), []).append(offer)
        return tuple(summary(_fresh(groups[key], self.today)) for key in sorted(groups))

    def _none(self, text: str, wanted: str) -> InputError:
        free = [name for name in self.unknown if wanted in (_key(name), _tail(name))]
        if free:
            return InputError(
                f"The price of {free[0]} is unknown: lists have it at 0 or without a price.",
                fix=f"State it: {free[0]}=IN/OUT in USD per million tokens.",
            )
        near = self.near(wanted)
        hint = f"Nearest {'is' if len(near) == 1 else 'are'} {', '.join(near)}. " if near else ""
        return InputError(
            f"No price of {text!r} is known.",
            fix=f"{hint}`weigh prices` lists all; or state it, as in {EXAMPLE}.",
        )

    def near(self, wanted: str) -> list[str]:
        """Names that look alike: of all, or of what follows their last slash."""
        import difflib  # noqa: PLC0415 -- only for a slip of the finger

        names: dict[str, str] = {}
        for price in self.api:
            for name in (_key(price.name), _key(price.model), _tail(price.model)):
                names.setdefault(name, price.name)
        found = difflib.get_close_matches(_key(wanted), names, n=3, cutoff=0.6)
        return list(dict.fromkeys(names[name] for name in found))


def with_own(prices: Iterable[ApiPrice], own: Sequence[ApiPrice]) -> tuple[ApiPrice, ...]:
    """The list with the user's prices in place of those of the same name."""
    table = {_key(price.name): price for price in prices}
    return tuple((table | {_key(price.name): price for price in own}).values())


def with_own_gpus(offers: Iterable[GpuOffer], own: Sequence[GpuOffer]) -> tuple[GpuOffer, ...]:
    """The offers without those of devices and terms that the user has prices of, and the user's."""
    mine = {(each.device, each.terms) for each in own}
    return (*(each for each in offers if (each.device, each.terms) not in mine), *own)


def _fresh(offers: Sequence[GpuOffer], today: str) -> Sequence[GpuOffer]:
    """The offers without the stale ones, unless there are no others."""
    fresh = [each for each in offers if not is_stale(each.provenance, today)]
    return fresh or offers


def _full_names(price: ApiPrice) -> set[str]:
    """``provider/model``, with all that the provider calls the model."""
    return {_key(f"{price.provider}/{name}") for name in (price.model, *price.aliases)}


def _short_names(price: ApiPrice) -> set[str]:
    """What the provider calls the model, and what follows the last slash of it."""
    names = (price.model, *price.aliases)
    return {_key(name) for name in names} | {_tail(name) for name in names}


def _several(text: str, found: Sequence[ApiPrice]) -> InputError:
    shown = [
        f"{price.name} ({price.price.input:g}/{price.price.output:g})"
        for price in found[:_MOST_LISTED]
    ]
    more = " …" if len(found) > _MOST_LISTED else ""
    providers = len({price.provider for price in found})
    where = f"at {providers} providers" if providers > 1 else f"in {len(found)} entries"
    return InputError(f"{text!r} has prices {where}.", fix=f"Say which: {', '.join(shown)}{more}.")


def _key(name: str) -> str:
    return name.strip().lower()


def _tail(name: str) -> str:
    return _key(name).rpartition("/")[2]
