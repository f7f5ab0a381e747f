"""Readers of published suites: from their files to ours. Nothing of them is shipped."""
