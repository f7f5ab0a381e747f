"""How fast llama.cpp answers."""
