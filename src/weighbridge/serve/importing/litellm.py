"""LiteLLM's ``config.yaml``: a list of deployments, of which some share a name."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import KeyEntry, ModelEntry, RouterConfig
from weighbridge.serve.config.resolved import digest_text
from weighbridge.serve.importing.litellm_models import Deployment, read_deployment, variable
from weighbridge.serve.importing.reading import Imported, Notes, items, mapping, text

_TAKEN = ("model_list", "router_settings", "litellm_settings", "general_settings")
_FALLBACKS = ("fallbacks", "context_window_fallbacks", "default_fallbacks")


def is_litellm(document: object) -> bool:
    """Whether a document looks like one."""
    return isinstance(document, dict) and isinstance(document.get("model_list"), list)


def from_litellm(document: dict[str, Any]) -> Imported:
    """Our configuration for the same deployments.

    Raises:
        ConfigError: nothing in it can be taken over.
    """
    notes = Notes()
    found = [
        deployment
        for n, entry in enumerate(items(document.get("model_list"), "model_list", notes))
        if (deployment := read_deployment(entry, f"model_list[{n}]", notes)) is not None
    ]
    models, spare = _joined(found, notes)
    if not models:
        raise ConfigError("Nothing in this file of LiteLLM can be taken over: no model is left.")
    router = mapping(document.get("router_settings"), "router_settings", notes)
    settings = mapping(document.get("litellm_settings"), "litellm_settings", notes)
    general = mapping(document.get("general_settings"), "general_settings", notes)
    models = _with_aliases(models, router, notes)
    names = _names(models)
    plain, long = _fallbacks((settings, router), names, models, notes)
    notes.left_out("", document, _TAKEN)
    notes.left_out("litellm_settings.", settings, _FALLBACKS)
    notes.left_out("router_settings.", router, (*_FALLBACKS, "model_group_alias"))
    notes.left_out("general_settings.", general, ("master_key",))
    _tell(notes, general)
    config = RouterConfig(
        models=models,
        listen="127.0.0.1:4000",
        keys=tuple(_keys(general, notes)),
        fallbacks=_both(spare, plain),
        context_window_fallbacks=long,
    )
    return Imported(config, tuple(notes.sentences))


def _tell(notes: Notes, general: dict[str, Any]) -> None:
    notes.add(
        "`listen` is LiteLLM's usual port 4000, but on this machine only; to be reached over the "
        "network, change it (keys are needed then)."
    )
    if general.get("database_url"):
        notes.add(
            "Keys, teams and budgets that LiteLLM keeps in its database are not in the file and "
            "not taken over; `weigh keys new` makes new ones."
        )


def _joined(
    found: list[Deployment], notes: Notes
) -> tuple[dict[str, ModelEntry], dict[str, tuple[str, ...]]]:
    """One model per name, alike deployments as its replicas; and others that stand in for it."""
    models: dict[str, ModelEntry] = {}
    spare: dict[str, tuple[str, ...]] = {}
    for deployment in found:
        name = deployment.name
        family = (name, *spare.get(name, ()))
        alike = [one for one in family if one in models and _alike(models[one], deployment.entry)]
        if alike:
            joined = (*models[alike[0]].urls, *deployment.entry.urls)
            urls = tuple(dict.fromkeys(joined))
            models[alike[0]] = _replaced(models[alike[0]], url=urls if len(urls) > 1 else urls[0])
        elif name not in models:
            models[name] = deployment.entry
        else:
            other = _free(f"{name}-{len(family) + 1}", models)
            models[other] = deployment.entry
            spare[name] = (*spare.get(name, ()), other)
            notes.add(
                f"The deployments of {name!r} differ in more than their address, so {other!r} is a "
                f"model of its own that stands in when {name!r} cannot answer; load is not spread "
                "over both."
            )
    return models, spare


def _free(name: str, models: dict[str, ModelEntry]) -> str:
    while name in models:
        name += "-more"
    return name


def _alike(one: ModelEntry, other: ModelEntry) -> bool:
    """Whether two entries differ in their addresses only."""
    return _replaced(one, url="") == _replaced(other, url="")


def _replaced(entry: ModelEntry, **changes: Any) -> ModelEntry:  # noqa: ANN401
    return msgspec.structs.replace(entry, **changes)


def _with_aliases(
    models: dict[str, ModelEntry], router: dict[str, Any], notes: Notes
) -> dict[str, ModelEntry]:
    at = "router_settings.model_group_alias"
    models = dict(models)
    for alias, written in mapping(router.get("model_group_alias"), at, notes).items():
        said = text(written.get("model") if isinstance(written, dict) else written)
        if said not in models or alias in models:
            notes.add(f"`{at}.{alias}` is not taken over: it leads to no model that is.")
        elif said is not None:
            entry = models[said]
            models[said] = _replaced(entry, aliases=(*entry.aliases, alias))
    return models


def _names(models: dict[str, ModelEntry]) -> frozenset[str]:
    return frozenset(models) | {alias for entry in models.values() for alias in entry.aliases}


Fallbacks = dict[str, tuple[str, ...]]


def _fallbacks(
    tables: tuple[dict[str, Any], ...],
    names: frozenset[str],
    models: dict[str, ModelEntry],
    notes: Notes,
) -> tuple[Fallbacks, Fallbacks]:
    plain: Fallbacks = {}
    long: Fallbacks = {}
    for table in tables:
        plain = _both(plain, _listed(table.get("fallbacks"), "fallbacks", names, notes))
        key = "context_window_fallbacks"
        long = _both(long, _listed(table.get(key), key, names, notes))
    for table in tables:
        default = _known(table.get("default_fallbacks"), "default_fallbacks", names, notes)
        if default:
            notes.add("`default_fallbacks` became fallbacks of every model.")
            plain = _both(plain, dict.fromkeys(models, default))
    if "*" in plain:
        everywhere = plain.pop("*")
        plain = _both(plain, dict.fromkeys(models, everywhere))
    return _without_self(plain), _without_self(long)


def _listed(value: Any, at: str, names: frozenset[str], notes: Notes) -> Fallbacks:  # noqa: ANN401
    """``[{model: [others]}]`` as one table of names that exist."""
    found: Fallbacks = {}
    for n, written in enumerate(items(value, at, notes)):
        for name, others in mapping(written, f"{at}[{n}]", notes).items():
            if name not in names and name != "*":
                notes.add(f"`{at}` of {name!r} are not taken over: there is no such model.")
                continue
            known = _known(others, f"{at}[{n}].{name}", names, notes)
            if known:
                found = _both(found, {name: known})
    return found


def _known(value: Any, at: str, names: frozenset[str], notes: Notes) -> tuple[str, ...]:  # noqa: ANN401
    found = []
    for written in items(value, at, notes):
        said = text(written)
        if said in names and said is not None:
            found.append(said)
        else:
            notes.add(f"`{at}` leads to {said or 'more than a name'}, which is not taken over.")
    return tuple(found)


def _both(one: Fallbacks, other: Fallbacks) -> Fallbacks:
    return {
        name: tuple(dict.fromkeys((*one.get(name, ()), *other.get(name, ()))))
        for name in dict.fromkeys((*one, *other))
    }


def _without_self(table: Fallbacks) -> Fallbacks:
    kept = {name: tuple(o for o in others if o != name) for name, others in table.items()}
    return {name: others for name, others in kept.items() if others}


def _keys(general: dict[str, Any], notes: Notes) -> list[KeyEntry]:
    master = text(general.get("master_key"))
    if master is None:
        return []
    name = variable(master)
    notes.add("`general_settings.master_key` became the key `master`, which may do everything.")
    if name is not None:
        return [KeyEntry(name="master", env=name, admin=True)]
    notes.add("Of the master key only its digest stands in the new file; clients use it as before.")
    return [KeyEntry(name="master", hash=digest_text(master), admin=True)]
