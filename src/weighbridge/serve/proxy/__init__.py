"""The data plane: requests in, the models' answers out, byte by byte."""
