"""What runs inside the sandbox: standard library only, never imported by the rest of the house.

The folder is mounted read-only; of Weighbridge nothing else is there. Imports are few and late:
they are half of what an execution costs.
"""
