"""Several models on the devices of one or more machines."""
