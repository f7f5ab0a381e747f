"""The one environment, layout and set of assets behind every page, live or as a single file."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.metadata import version as installed
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

from weighbridge import __version__
from weighbridge.core import wording
from weighbridge.core.units import format_count
from weighbridge.decide.statistics import wilson
from weighbridge.report import numbers, words

STATIC = {
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "diagram.js": "text/javascript; charset=utf-8",
    "plan.js": "text/javascript; charset=utf-8",
    "load.js": "text/javascript; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "gateway.js": "text/javascript; charset=utf-8",
    "study.js": "text/javascript; charset=utf-8",
    "rate.js": "text/javascript; charset=utf-8",
    "rate.css": "text/css; charset=utf-8",
    "plotly.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

_ENDS_ELEMENT = re.compile(rb"</(script|style)|<!--", re.IGNORECASE)
# The stylesheet that plotly.min.js puts into every page for its maps, as its source spells it.
_PLOTLY_STYLE = re.compile(r"\.textContent='([^'\\]+)',document\.head\.appendChild")


def render(
    template: str,
    *,
    standalone: bool,
    charts: bool,
    **context: Any,  # noqa: ANN401 -- as Jinja
) -> str:
    """A page as HTML: served beside ``/static/``, or standalone with everything inside.

    ``charts`` says whether it draws any with plotly, which is 4.5 MB.
    """
    assets = _inlined(charts=charts) if standalone else {}
    return (
        _environment()
        .get_template(template)
        .render(standalone=standalone, charts=charts, version=__version__, **assets, **context)
    )


@cache
def asset(name: str) -> bytes:
    """The bytes of one of :data:`STATIC`; plotly.min.js is the one inside the package plotly."""
    package = files("plotly") / "package_data" if name == "plotly.min.js" else _own() / "static"
    return (package / name).read_bytes()


@cache
def asset_tag(name: str) -> str:
    """The HTTP entity tag of one of :data:`STATIC`."""
    return f'"{hashlib.sha256(asset(name)).hexdigest()[:20]}"'


@cache
def style_hashes() -> tuple[str, ...]:
    """CSP sources for the two style elements that plotly makes: an empty one, and its maps'.

    Naming exactly these keeps ``'unsafe-inline'`` out of the policy.
    """
    source = asset("plotly.min.js").decode()
    return tuple(_hash(text.encode()) for text in ("", *_PLOTLY_STYLE.findall(source)))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("weighbridge.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bounds": numbers.bounds,
        "bytes": numbers.size,
        "chart_json": htmlsafe_json_dumps,
        "count": format_count,
        "day": numbers.day,
        "moment": numbers.moment,
        "number": numbers.number,
        "p_value": numbers.p_value,
        "percent": numbers.percent,
        "plain": numbers.plain,
        "point_bounds": numbers.point_bounds,
        "points": numbers.points,
        "shortened": numbers.shortened,
        "growth": wording.growth_text,
        "layers": wording.stack_text,
        "lead": words.lead,
        "marked": _marked,
        "measured": words.measured,
        "components": words.components,
        "sheet_names": words.sheet_names,
    }
    environment.globals |= {
        "computed": words.computed,
        "wrong_count": words.wrong_count,
        "expected_accuracy": words.expected_accuracy,
        "wilson": wilson,
        "plotly_version": installed("plotly"),
    }
    return environment


@cache
def _inlined(*, charts: bool) -> dict[str, Markup]:
    """Assets for a single file, and the policy that lets a browser load nothing else."""
    names = ("style.css", "page.js", "diagram.js", "plan.js", "load.js", "icon.svg")
    style, module, diagram, plan, load, icon = (asset(name) for name in names)
    plotly = asset("plotly.min.js") if charts else b""
    if _ENDS_ELEMENT.search(style + module + diagram + plan + load + plotly):
        raise AssertionError("An asset would end the element that it is put into.")
    scripts = (module, diagram, plan, load, *([plotly] if charts else []))
    policy = "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src", *map(_hash, scripts)]),
            " ".join(["style-src", _hash(style), *(style_hashes() if charts else ())]),
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return {
        "icon": Markup(f"data:image/svg+xml,{quote(icon)}"),  # noqa: S704
        "policy": Markup(policy),  # noqa: S704 -- made of the constants above
        "style_source": Markup(style.decode()),  # noqa: S704 -- our own files
        "module_source": Markup(module.decode()),  # noqa: S704
        "diagram_source": Markup(diagram.decode()),  # noqa: S704
        "plan_source": Markup(plan.decode()),  # noqa: S704
        "load_source": Markup(load.decode()),  # noqa: S704
        "plotly_source": Markup(plotly.decode()),  # noqa: S704
    }


def _marked(sentence: str) -> Markup:
    """A sentence for people, its commands in backquotes set as code."""
    parts = re.split(r"`([^`]+)`", sentence)  # text and code in turn
    coded = (
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )
    return Markup("").join(coded)


def _hash(source: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source).digest()).decode()}'"


def _own() -> Any:  # noqa: ANN401 -- importlib's Traversable moved between Python versions
    return files("weighbridge.report")
