"""Where data may be processed: countries by their code of ISO 3166-1, and the European Union."""

from __future__ import annotations

from typing import Final

from weighbridge.core.errors import InputError

_EU: Final = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
_COUNTRIES: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
    "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
    "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS "
    "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
    "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ "
    "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
    "VN VU WF WS YE YT ZA ZM ZW"
)
# As people write them; the code of Greece in the Union's own texts is EL.
_ALIASES: Final = {"UK": "GB", "EL": "GR", "USA": "US"}


def territory(text: str) -> str:
    """A country's code, or ``EU``, in capitals.

    Raises:
        InputError: there is no such territory.
    """
    code = text.strip().upper()
    code = _ALIASES.get(code, code)
    if code != "EU" and not _lists(_COUNTRIES, code):
        raise InputError(
            f"{text.strip()!r} is no territory.",
            fix="Write EU, or a country by its two letters (ISO 3166): FR, US.",
        )
    return code


def within(place: str, inside: str) -> bool:
    """Whether a place is part of a territory: a country by its code, or ``EU``."""
    place, inside = place.upper(), inside.upper()
    return place == inside or (inside == "EU" and _lists(_EU, place))


def _lists(codes: str, code: str) -> bool:
    return code.isalpha() and f" {code} " in f" {codes} "
