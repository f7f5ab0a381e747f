"""From raw requests to figures: percentiles with intervals, the steady part, goodput, limits."""
