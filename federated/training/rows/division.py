"""Rows of one's own, divided as if several sites held them, with some persons kept out.

Rules: persons are divided, never rows; who is kept out and who goes where follows from a digest of
the person and public numbers, hence is the same each time. Nobody's privacy rests on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from federated.errors import DataFault
from federated.manifest import SiteContract
from federated.training.rows.persons import spelled
from federated.training.rows.table import Table

Places = NDArray[np.int64]
_WHOLE: Final = 2.0**64


@dataclass(frozen=True, slots=True)
class Division:
    """Rows by site, and those of persons kept out.

    Attributes:
        parts: name of the site to its rows; in order of the names.
        populations: persons of each site, in that order.
        kept_out: rows that no site has.
    """

    parts: dict[str, Table]
    populations: tuple[int, ...]
    kept_out: Table

    def contracts(self) -> tuple[SiteContract, ...]:
        """Return what stands in place of contracts: who has how many persons."""
        return tuple(
            SiteContract(f"did:example:{number}", f"urn:example:{number}", "", "", name, population)
            for number, (name, population) in enumerate(
                zip(self.parts, self.populations, strict=True)
            )
        )


def divide(table: Table, person: str, split: str | int, *, kept_out: float, seed: int) -> Division:
    """Divide rows.

    Args:
        table: rows; those that name nobody are left out.
        person: column of the person.
        split: how many sites persons are dealt to, as evenly as can be; or the column whose value
            is the site. Who has several values is a person of several sites.
        kept_out: share of the persons that no site gets, in (0, 1).
        seed: others are kept out under another one.

    Raises:
        ColumnMissing: the table lacks a column.
        DataFault: there are fewer persons than sites, or none is kept out.
    """
    coded = spelled(table.text(person), "text").dictionary_encode()
    known = coded.dictionary.to_pylist()
    who = pc.fill_null(coded.indices, len(known)).to_numpy(zero_copy_only=False)
    nobody = who == len(known)
    out = _digests(known, f"kept out {seed}") < kept_out * _WHOLE
    held = np.append(out, values=False)[who]
    names, site = _sites(table, split, known, out, who)
    trained = ~held & ~nobody
    places = [np.flatnonzero(trained & (site == number)) for number in range(len(names))]
    if not held.any() or not all(map(len, places)):
        raise DataFault(
            f"{len(known)} persons are too few for {len(names)} sites and a part held out"
        )
    return Division(
        parts={name: table.take(at) for name, at in zip(names, places, strict=True)},
        populations=tuple(len(np.unique(who[at])) for at in places),
        kept_out=table.take(np.flatnonzero(held)),
    )


def _sites(
    table: Table, split: str | int, known: Sequence[str], out: NDArray[np.bool_], who: Places
) -> tuple[list[str], Places]:
    """Return the names of the sites, and the place of each row's; -1 for none."""
    if isinstance(split, str):
        coded = table.text(split).dictionary_encode()
        values = coded.dictionary.to_pylist()
        names = sorted(values)
        order = np.array([*map(names.index, values), -1])
        place = pc.fill_null(coded.indices, len(values)).to_numpy(zero_copy_only=False)
        return names, order[place]
    dealt = np.full(len(known) + 1, -1)
    there = np.flatnonzero(~out)
    order = there[np.argsort(_digests(known, "dealt")[there], kind="stable")]
    dealt[order] = np.arange(len(order)) % split
    return [str(number + 1) for number in range(split)], dealt[who]


def _digests(names: Sequence[str], purpose: str) -> NDArray[np.uint64]:
    """Return a number for each name, as if drawn at random from all of 64 bits."""
    made = (hashlib.sha256(f"{purpose}\n{name}".encode()).digest()[:8] for name in names)
    return np.frombuffer(b"".join(made), ">u8").astype(np.uint64)
