"""Evaluations: suites of items with known answers, run and scored item by item."""
