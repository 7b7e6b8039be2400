"""What a receipt says that a computation rested on."""

from __future__ import annotations

import numpy as np
import pytest

from federated.training.versions import versions


def test_versions_name_what_a_computation_rests_on() -> None:
    found = versions()
    assert set(found) == {"blas", "dp-accounting", "flwr", "numpy", "pyarrow", "python"}
    assert found["numpy"] == np.__version__
    assert all(isinstance(value, str) and value and "/" not in value for value in found.values())


def test_a_build_that_says_nothing_of_its_linear_algebra_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(np, "show_config", lambda **_: {})
    assert versions()["blas"] == "unknown"
