"""Foreign code, run where it can do no harm: bubblewrap, resource limits, a system call filter."""
