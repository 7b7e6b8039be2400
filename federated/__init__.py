"""Federated jobs and privacy accounting. Knows nothing of connectors.

Importing this package loads the standard library only; `federated.training` and the accountant
load what they need when they are imported.
"""

from __future__ import annotations

from federated.errors import FederatedError, ManifestInvalid
from federated.job import JobManifest, JobState, advance, is_final, parse, render

__all__ = [
    "FederatedError",
    "JobManifest",
    "JobState",
    "ManifestInvalid",
    "advance",
    "is_final",
    "parse",
    "render",
]
