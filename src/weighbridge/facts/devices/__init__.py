"""What devices can do, by name or as found on this machine."""

from weighbridge.facts.devices.catalogue import find as find
from weighbridge.facts.devices.described import MachineBlock as MachineBlock
from weighbridge.facts.devices.described import from_block as from_block
from weighbridge.facts.devices.described import parse_machine as parse_machine
from weighbridge.facts.devices.described import read_machine as read_machine
