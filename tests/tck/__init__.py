"""A node for the public conformance kit of the Dataspace Protocol: `python -m tests.tck`.

It believes any token, speaks plain HTTP and does what a script says instead of what its operator
decided. None of that is in the product: a few callables of the composition are replaced here
(`composing.py`), and it is never part of the wheel. Nothing of it listens or calls beyond loopback.
"""
