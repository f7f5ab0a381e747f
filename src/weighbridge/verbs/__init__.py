"""One module per verb: the library's API, which wires effects into the layers below."""
