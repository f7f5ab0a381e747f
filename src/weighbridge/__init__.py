"""Weigh open-weight language models on your hardware and tasks; then route to the winner.

Importing the package loads nothing heavy. The library's entry points are the functions in
:mod:`weighbridge.verbs`, one module per verb; command line and web pages call the same ones.
"""

__version__ = "0.1.0"
