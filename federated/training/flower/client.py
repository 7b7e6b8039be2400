"""The site's side in Flower's terms: a `ClientApp` that turns a round's arrays into noised ones.

Rules: the reply holds arrays of the model's shapes, with noised or masked cells where the round
evaluates the model that it is sent, and nothing else, no count, no loss; its times do not depend on
the rows. A round is read and checked first, without a row; it is answered when the node, which has
charged it meanwhile, says so. Budget, signatures and replays are left to the node.
"""

from __future__ import annotations

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

from federated.errors import RoundRefused
from federated.manifest import JobManifest
from federated.training.engine import Engine
from federated.training.evaluation import Evaluator
from federated.training.flower.messages import (
    LEAD_NODE,
    from_bytes,
    node_of,
    run_of,
    seal,
    to_bytes,
)
from federated.training.flower.records import (
    ARRAYS,
    EVALUATION,
    digest,
    pack,
    pack_cells,
    round_of,
    unpack,
)
from federated.training.recipes import initial


def make_app(
    engine: Engine, manifest: JobManifest, evaluator: Evaluator | None = None
) -> ClientApp:
    """Return the app of a site's worker; the evaluator is there where the job evaluates."""
    app = ClientApp()

    @app.train()
    def train(message: Message, _: Context) -> Message:
        arrays, number = unpack(message.content, manifest), round_of(message)
        content = RecordDict()
        if evaluator is not None and manifest.evaluates(number):
            cells = evaluator.run(arrays)
            if cells is not None:
                content[EVALUATION] = pack_cells(cells)
        updated = engine.run(arrays, number) if number <= manifest.rounds else arrays
        content[ARRAYS] = pack(updated)
        return Message(content, reply_to=message)

    return app


class Site:
    """Answers the rounds of one job at one site."""

    def __init__(self, app: ClientApp, manifest: JobManifest, site: str) -> None:
        """Keep who answers.

        Raises:
            RoundRefused: the site takes no part in the job.
        """
        self._app = app
        self._manifest = manifest
        self._node = node_of(manifest, site)
        self._asked: tuple[int, Message] | None = None

    def check(self, number: int, request: bytes) -> str:
        """Read a round's message, touching no row; return the digest of its arrays.

        Args:
            number: the round, as the node was asked for it.
            request: Flower message of the lead.

        Raises:
            RoundRefused: the message is not the lead's for this round, site and model.
        """
        self._asked = None
        message = from_bytes(request, self._manifest)
        self._check(message, number)
        found = digest(unpack(message.content, self._manifest))
        if number == 1 and found != self._first():
            raise RoundRefused("round 1 begins with another model than the manifest says")
        self._asked = (number, message)
        return found

    def _first(self) -> str:
        """Return the digest of what training starts from: a public model, or what is drawn."""
        start = self._manifest.start
        return start.digest if start is not None else digest(initial(self._manifest))

    def answer(self, number: int) -> bytes:
        """Return the reply to the round that was checked last, once, as Flower message bytes.

        Raises:
            RoundRefused: another round was checked, or none.
        """
        asked, self._asked = self._asked, None
        if asked is None or asked[0] != number:
            raise RoundRefused("the round was not checked before")
        context = Context(run_of(self._manifest), self._node, {}, RecordDict(), {})
        return to_bytes(seal(self._app(asked[1], context), self._manifest))

    def _check(self, message: Message, number: int) -> None:
        metadata = message.metadata
        if not message.has_content() or metadata.message_type != "train":
            raise RoundRefused("the message asks for something else than training")
        if metadata.run_id != run_of(self._manifest):
            raise RoundRefused("the message belongs to another job")
        if metadata.src_node_id != LEAD_NODE or metadata.dst_node_id != self._node:
            raise RoundRefused("the message is not from the lead to this site")
        if not 1 <= number <= self._manifest.turns or round_of(message) != number:
            raise RoundRefused("the message is of another round")
        if metadata.group_id != str(number):
            raise RoundRefused("the message is of another round")
