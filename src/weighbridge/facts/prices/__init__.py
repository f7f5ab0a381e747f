"""What tokens cost at hosted APIs, and GPUs by the hour: offline, each with source and date."""

from weighbridge.facts.prices.loading import load as load
from weighbridge.facts.prices.lookup import Prices as Prices
