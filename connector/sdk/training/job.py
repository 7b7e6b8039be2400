"""A job that this node leads: to wait for, to take the model of, to compare and to keep."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from connector.errors import ConfigurationInvalid, WorldFault, from_code
from connector.management.views.jobs import JobView
from connector.sdk import picture
from connector.sdk.client import JOB_ENDS, Client
from connector.sdk.training.model import Model
from connector.sdk.training.progress import followed
from connector.sdk.training.rows import Rows
from connector.sdk.training.shown import Shown

if TYPE_CHECKING:
    from federated.manifest import JobManifest

_SECONDS = 3600.0
_SPENDING = ("epsilon", "delta", "noiseMultiplier", "samplingRate", "steps", "clip")


class Job:
    """A job of a node. It is asked for anew each time; the model is fetched once."""

    def __init__(self, node: Client, identifier: str) -> None:
        self.id = identifier
        self._node = node
        self._model: Model | None = None

    def __repr__(self) -> str:
        return f"Job({self.id!r})"

    def view(self) -> JobView:
        """Return how it stands now: state, rounds, sites, ε spent at each."""
        return self._node.job(self.id)

    def wait(self, *, seconds: float = _SECONDS, progress: bool = True) -> JobView:
        """Return the job once it has completed; with `progress` it is shown meanwhile.

        Raises:
            PreauError: it ended otherwise, by its code.
            WorldFault: it has not ended after `seconds`; it goes on.
        """
        changes = self._node.watch(self.id, seconds=seconds)
        found = followed(changes, shown=progress) or self.view()
        if found.state == "COMPLETED":
            return found
        if found.state in JOB_ENDS:
            reason = found.reason or f"the job ended as {found.state}"
            raise from_code(found.code or "JOB_REFUSED", reason)
        raise WorldFault(
            f"the job is {found.state} after {seconds:g} s", hint="it continues: call `wait` again"
        )

    def cancel(self, reason: str = "") -> JobView:
        """End it at once, here and at its sites."""
        return self._node.cancel(self.id, reason=reason)

    def manifest(self) -> JobManifest:
        """Return what was signed."""
        from federated.job import parse  # noqa: PLC0415 - start-up of the command stays fast

        return parse(self._node.manifest(self.id))

    def card(self) -> dict[str, Any]:
        """Return the card of the model: contracts, cost, rounds, who ran what.

        `preau audit card` verifies that the lead signed it.
        """
        found: dict[str, Any] = json.loads(self._node.card(self.id))["card"]
        return found

    def model(self) -> Model:
        """Return the model; NumPy arrays by `arrays`, a module of torch by `torch`.

        Raises:
            Unlawful: the job has not completed.
        """
        if self._model is None:
            self._model = Model(self.manifest(), self._node.result(self.id))
        return self._model

    def predict(self, rows: Rows) -> Any:
        """Return what the model says of each row, see `Model.predict`."""
        return self.model().predict(rows)

    def evaluate(self, rows: Rows) -> dict[str, float]:
        """Return how well the model does on rows that you hold, see `Model.evaluate`."""
        return self.model().evaluate(rows)

    def save(self, folder: Path | str) -> list[Path]:
        """Write the model with its evidence; return the files.

        Those are the model (npz and safetensors), its card, the receipts that the card rests on, a
        picture of it, and the manifest. `preau audit card` verifies card and receipts.

        Raises:
            ConfigurationInvalid: one is there already, or cannot be written.
            NotFound: the job has no card or receipts: an earlier release trained it.
        """
        made = {
            "model.npz": self.model().content,
            "model.safetensors": self.model().safetensors(),
            "model.card.json": self._node.card(self.id),
            "model.receipts.json": self._node.job_receipts(self.id),
            "model.svg": picture.drawn(self.card()),
            "manifest.json": self._node.manifest(self.id),
        }
        files = [Path(folder) / name for name in made]
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            for file, content in zip(files, made.values(), strict=True):
                with file.open("xb") as out:
                    out.write(content)
        except OSError as exc:
            raise ConfigurationInvalid(f"cannot write `{exc.filename}`: {exc.strerror}") from exc
        return files

    def to_mlflow(self, rows: Rows | None = None, *, experiment: str = "") -> str:
        """Log the job as a run of MLflow, where that is installed; return the run's id.

        Settings and cost become parameters, ε spent at each site and, with `rows`, the figures of
        `evaluate` become metrics, and the files of `save` artifacts.

        Raises:
            ConfigurationInvalid: MLflow is not installed.
        """
        try:
            mlflow = importlib.import_module("mlflow")
        except ImportError as exc:
            raise ConfigurationInvalid(
                "MLflow is not installed", hint="pip install mlflow-skinny"
            ) from exc
        figures = {} if rows is None else self.evaluate(rows)
        if experiment:
            mlflow.set_experiment(experiment)
        with mlflow.start_run(run_name=self.id) as run, TemporaryDirectory() as folder:
            mlflow.log_params(settings(self.card()))
            for number, site in enumerate(self.view().sites):
                mlflow.log_metric(f"epsilon.site{number}", site.epsilon or 0.0)
            mlflow.log_metrics(figures)
            self.save(folder)
            mlflow.log_artifacts(folder)
        return str(run.info.run_id)


def settings(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a job was run with, as one row."""
    model, privacy = card["model"], card["privacy"]
    return {
        "model": " ".join([model["kind"], *map(str, model.get("hidden", ()))]),
        "sites": len(card["contracts"]),
        **{name: privacy[name] for name in _SPENDING},
        "optimiser": card.get("optimiser", {}).get("kind", "sgd"),
        "learningRate": card["learningRate"],
        "rounds": card["rounds"],
        "recipes": ", ".join(sorted({r["recipe"][:12] for s in card["sites"] for r in s["ran"]})),
    }


def compare(jobs: Sequence[Job], rows: Rows | None = None) -> Shown:
    """Return one row for each job: what it was run with and, with `rows`, how well it does.

    A job that has not completed has its state only.

    Raises:
        ColumnMissing: the rows lack a column.
    """
    return Shown([_row(job, rows) for job in jobs])


def _row(job: Job, rows: Rows | None) -> dict[str, Any]:
    state = job.view().state
    row: dict[str, Any] = {"job": job.id, "state": state}
    if state != "COMPLETED":
        return row
    return row | settings(job.card()) | ({} if rows is None else job.evaluate(rows))
