"""Where measurements live: a folder of runs with a SQLite index."""
