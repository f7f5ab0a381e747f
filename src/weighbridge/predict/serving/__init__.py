"""How fast serving engines answer, in closed form."""
