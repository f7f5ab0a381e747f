"""From measurements to a verdict: statistics, assignment of tasks to models, routing signals."""
