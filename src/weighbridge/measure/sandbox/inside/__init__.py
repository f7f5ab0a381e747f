"""What runs inside the sandbox: standard library only, never imported by the rest of the house.

The folder is mounted read-only; of Weighbridge nothing else is there.
"""
