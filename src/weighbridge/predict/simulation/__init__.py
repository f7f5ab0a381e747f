"""Load on one replica, simulated by discrete events."""
