"""A trained model: what it predicts, how well, and its arrays as NumPy, torch and safetensors.

Rules: rows are encoded as in training; everything is computed here, by whoever holds the rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.errors import ConfigurationInvalid
from connector.sdk.training.rows import Rows, table_of
from connector.services.federation.translation import translated

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from federated.manifest import JobManifest


@dataclass(frozen=True, slots=True)
class Model:
    """The model that a job ended with.

    Attributes:
        manifest: of the job.
        content: bytes of the model file, npz, which the job's card names by their digest.
    """

    manifest: JobManifest
    content: bytes

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the arrays by name, as torch names them; see `federated.training.recipes`.

        Raises:
            Malformed: the file is not the manifest's model.
        """
        from federated.training import checkpoint, recipes  # noqa: PLC0415 - start-up stays fast

        with translated():
            return recipes.check(checkpoint.load(self.content), self.manifest)

    def encode(self, rows: Rows) -> NDArray[np.float32]:
        """Return what the net takes of each row, (rows, width).

        Raises:
            ColumnMissing: the rows lack a column of a feature.
        """
        from federated.training.rows.features import encode_features  # noqa: PLC0415 - start-up

        with translated():
            table = table_of(rows, [feature.column for feature in self.manifest.features])
            return encode_features(table, self.manifest.features)

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """Return what the model says of each row; NaN where the row misses what it may not.

        Returns:
            The chance of a positive label, a number in its own unit or an expected count, (rows,);
            of classes their chances, (rows, classes).

        Raises:
            ColumnMissing: the rows lack a column of a feature.
        """
        from federated.training import score  # noqa: PLC0415 - start-up stays fast

        with translated():
            table = table_of(rows, [feature.column for feature in self.manifest.features])
            return score.predict(self.content, self.manifest, table)

    def evaluate(self, rows: Rows) -> dict[str, float]:
        """Return how well it does on rows that you hold, see `federated.training.score.evaluate`.

        Raises:
            ColumnMissing: the rows lack a column of a feature or of the target.
            DataFault: no row has a label, or all labels are the same.
        """
        from federated.training import score  # noqa: PLC0415 - start-up stays fast

        with translated():
            columns = [*self.manifest.target.columns, *(f.column for f in self.manifest.features)]
            table = table_of(rows, list(dict.fromkeys(columns)))
            return score.evaluate(self.content, self.manifest, table)

    def torch(self) -> nn.Module:
        """Return a module of torch that takes what `encode` gives, and gives the net's outputs.

        Those are logits, a number scaled to [-1, 1], or the logit of a rate: `predict` says what
        they mean.

        Raises:
            ConfigurationInvalid: torch is not installed; a node needs none.
        """
        try:
            from connector.sdk.training.module import module_of  # noqa: PLC0415 - may be missing
        except ImportError as exc:
            raise ConfigurationInvalid(
                "torch is not installed", hint="pip install torch, or use `arrays`"
            ) from exc

        return module_of(self.manifest, self.arrays())

    def safetensors(self) -> bytes:
        """Return the arrays as safetensors, whose metadata name job, manifest and model file.

        Raises:
            ConfigurationInvalid: safetensors is not installed.
        """
        from federated.training import checkpoint  # noqa: PLC0415 - start-up stays fast

        said = {
            "job": self.manifest.job,
            "lead": self.manifest.lead,
            "sha256": hashlib.sha256(self.content).hexdigest(),
        }
        try:
            return checkpoint.safetensors(self.arrays(), said)
        except ImportError as exc:
            raise ConfigurationInvalid(
                "safetensors is not installed", hint="install the extra `federated`"
            ) from exc
