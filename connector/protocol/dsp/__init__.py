"""The messages of the Dataspace Protocol 2025-1 as JSON of its HTTPS binding. Pure.

Rules: what is written validates against the published schemas, and loses nothing when the
protocol's own context expands it. What is read may have members that nobody here knows; a known
one is as the schema says, or the refusal names it by its JSON pointer. An empty list reads as none:
other connectors write them where the schemas have `minItems`. A message that the peers of both
bindings have is the value of `protocol/messages.py` or `protocol/transfer_messages.py`; what only
this binding has stands beside it. Members that only Préau nodes send are `extensions.py`.
"""
