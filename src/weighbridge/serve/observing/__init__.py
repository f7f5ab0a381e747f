"""What is kept of requests that have ended: counts, lines of a log, traces, captures."""
