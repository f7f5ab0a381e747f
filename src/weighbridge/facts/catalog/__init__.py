"""Current open-weight models as architecture facts, each with source and date; works offline."""

from weighbridge.facts.catalog.catalogue import Catalogue, load
from weighbridge.facts.catalog.model import CatalogueModel

__all__ = ["Catalogue", "CatalogueModel", "load"]
