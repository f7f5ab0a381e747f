"""What takes memory on the devices of a replica."""
