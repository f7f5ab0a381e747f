"""Number formats of weights: as a configuration states them, as files hold them, as others."""
