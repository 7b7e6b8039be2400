"""Failures of the federated libraries in the node's own words.

Rule: `federated` knows no connector, so its exceptions are translated here, once, by code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connector.errors import PreauError, from_code
from federated.errors import FederatedError


@contextmanager
def translated() -> Iterator[None]:
    """Turn a failure of `federated` into the node's exception of the same code.

    Raises:
        PreauError: of that code.
    """
    try:
        yield
    except FederatedError as exc:
        raise _own(exc) from exc


def _own(exc: FederatedError) -> PreauError:
    return from_code(exc.code, exc.reason)
