"""The engine that asks Opacus: its self-test, its device, and what is not installed."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from audit.faults import FAULTS, opacus
from federated import training
from federated.errors import ArithmeticUnsound, WorkerFailed
from federated.task.engine import EXACT, OPACUS
from federated.training import engines
from federated.training.exact import selftest
from federated.training.exact.net import Net
from tests.support.exact_sums import CASES, by_opacus, faults_of, model, people
from tests.support.training_rig import manifest

JOB = replace(manifest(), engine=OPACUS)


def test_persons_in_one_batch_are_caught_before_a_job() -> None:
    assert selftest.steady(opacus().PersonGradients)
    net, rows = Net((13, 8, 8, 1), "relu"), 1
    with FAULTS["persons in one batch"]():
        assert faults_of(by_opacus, net, rows, model("vanishing", net), people(9, rows, net))
        with pytest.raises(ArithmeticUnsound):
            selftest.check(JOB, 46)


@pytest.fixture
def module() -> ModuleType:
    found: ModuleType = opacus()
    found.device.cache_clear()
    return found


def test_a_device_that_does_not_repeat_itself_is_not_used(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.device() == module.CPU
    monkeypatch.setattr(module.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(module.torch, "use_deterministic_algorithms", lambda _: None)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    for steady, expected in ((True, module.CUDA), (False, module.CPU)):
        module.device.cache_clear()
        monkeypatch.setattr(selftest, "steady", lambda _, steady=steady: steady)
        assert module.device() == expected
    module.device.cache_clear()


def test_an_engine_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert training.available() == (EXACT, OPACUS)
    monkeypatch.setattr(training, "_OPACUS", ("torch", "no_such_library"))
    assert training.available() == (EXACT,)
    net, rows, _ = CASES[0]
    with pytest.raises(WorkerFailed, match="needs the extra `opacus`"):
        engines.sums_of(OPACUS, net, rows, clip=1.0)
