"""The face towards other nodes: gRPC, HTTPS, guarded fetches.

A call of a peer comes through `connections`, is bounded by `limits` and answered by `calls`; what
is fetched and shown over HTTPS is `web`. Calls to peers are `client.py`; `face.py` is the whole.
"""
