"""The records and arithmetic everyone shares: standard library and msgspec only, no I/O."""
