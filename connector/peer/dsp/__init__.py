"""The Dataspace Protocol 2025-1 over HTTPS: what peers of any make ask, and what is asked of them.

Rules: messages are read and written by `protocol/dsp/`, and handled by the services that gRPC has
too; who calls is judged by `callers.py`. Nothing here decides about a process.
"""
