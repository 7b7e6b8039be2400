"""HTTP pull over real TLS: whole, in parts, by the right token only, cut off when it must be."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from connector.domain.contract.notice import Standing
from connector.identity import jws, pull_token
from connector.identity.dcp import access
from connector.identity.pull_token import Grant
from connector.jsonld.canonical import b64url, canonical
from connector.services.transfer import acts, consumer_side
from connector.services.transfer.acts import Wish
from tests.support.live_space import LiveSpace, live_space, wait_until
from tests.support.transferring import AGREEMENT, EXTRACT, agreed, answering, begun, endless, over

DATA = bytes(range(256)) * 4096 + b"the end"  # four chunks and a bit
NAME = EXTRACT.rpartition(":")[2]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    with live_space(tmp_path_factory.mktemp("space"), "school", "lab") as made:
        answering(*made.nodes.values())
        made.meet("lab", "school")
        yield made


@pytest.fixture
def going(space: LiveSpace) -> Iterator[str]:
    """A transfer that has started; the consumer's pid."""
    yield begun(space["school"].ports, space["lab"].ports, DATA)
    over(space["school"].ports, space["lab"].ports)


@pytest.fixture
def client(space: LiveSpace) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=str(space.web.root))
    with httpx.Client(verify=context, trust_env=False, timeout=20) as made:
        yield made


def get(client: httpx.Client, space: LiveSpace, pid: str, **headers: str) -> httpx.Response:
    access, _ = consumer_side.access(space["lab"].ports, pid)
    return client.get(access.url, headers={"authorization": f"Bearer {access.token}", **headers})


def test_the_whole_file_with_what_was_signed(
    space: LiveSpace, going: str, client: httpx.Client
) -> None:
    answer = get(client, space, going)
    content = acts.transfer(space["lab"].ports, going).content
    assert content is not None
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["etag"] == f'"{content.digest}"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    peer_pid = acts.transfer(space["lab"].ports, going).peer_pid
    school = space["school"].ports
    assert wait_until(lambda: acts.transfer(school, peer_pid).passed == len(DATA))


def test_parts_make_the_whole(space: LiveSpace, going: str, client: httpx.Client) -> None:
    first = get(client, space, going, range="bytes=0-999999")
    etag = first.headers["etag"]
    rest = get(client, space, going, range="bytes=1000000-", **{"if-range": etag})
    assert [first.status_code, rest.status_code] == [206, 206]
    assert first.content + rest.content == DATA
    assert rest.headers["content-range"] == f"bytes 1000000-{len(DATA) - 1}/{len(DATA)}"
    other = get(client, space, going, range="bytes=5-", **{"if-range": '"another"'})
    assert (other.status_code, len(other.content)) == (200, len(DATA))
    past = get(client, space, going, range=f"bytes={len(DATA)}-")
    assert (past.status_code, past.headers["content-range"]) == (416, f"bytes */{len(DATA)}")


def test_headers_alone(space: LiveSpace, going: str, client: httpx.Client) -> None:
    access, _ = consumer_side.access(space["lab"].ports, going)
    answer = client.head(access.url, headers={"authorization": f"Bearer {access.token}"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(DATA))


def _token(space: LiveSpace, going: str, **changes: Any) -> str:
    school, lab = space["school"], space["lab"]
    peer_pid = acts.transfer(lab.ports, going).peer_pid
    signer = changes.pop("signer", school.signer)
    now = changes.pop("now", school.clock.now())
    grant = Grant(lab.did, peer_pid, EXTRACT, AGREEMENT, "urn:d1")
    return pull_token.make(signer, changes.pop("did", school.did), replace(grant, **changes), now)


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        ("none", "", ""),
        ("nothing", "TOKEN_MISSING", "no bearer token"),
        ("garbage", "TOKEN_INVALID", "has a wrong size"),
        ("not signed", "TOKEN_INVALID", "algorithm"),
        ("signed by the consumer", "TOKEN_INVALID", "the key is not one that"),
        ("another audience", "TOKEN_INVALID", "issued by another"),
        ("another kind", "TOKEN_INVALID", "of type `preau-pull+jwt` was expected"),
        ("expired", "TOKEN_INVALID", "has expired"),
        ("of the future", "TOKEN_INVALID", "is not valid before"),
        ("another extract", "TOKEN_MISMATCH", "made for another extract"),
        ("another contract", "TOKEN_MISMATCH", "made for another transfer"),
        ("another consumer", "UNKNOWN_PEER", "was never admitted"),
        ("another transfer", "NOT_FOUND", "no such transfer"),
    ],
)
def test_only_the_token_that_was_given_opens_it(
    space: LiveSpace, going: str, client: httpx.Client, fault: str, code: str, reason: str
) -> None:
    """The faults of tokens that CVE-2024-8642 of another make let through, and more."""
    school, lab = space["school"], space["lab"]
    made = {
        "signed by the consumer": {"signer": lab.signer},
        "another audience": {"did": lab.did},
        "expired": {"now": school.clock.now() - 2 * pull_token.LIFE},
        "of the future": {"now": school.clock.now() + pull_token.LIFE},
        "another extract": {"extract": EXTRACT[:-1] + "2"},
        "another contract": {"agreement": "urn:another"},
        "another consumer": {"consumer": "did:web:other.example"},
        "another transfer": {"transfer": "urn:uuid:no"},
    }.get(fault, {})
    token = "x.y.z" if fault == "garbage" else _token(space, going, **made)
    if fault == "not signed":
        none = b64url(canonical({**jws.unverified_header(token), "alg": "none"}))
        token = f"{none}.{token.partition('.')[2]}"
    if fault == "another kind":
        token = access.make(school.signer, school.did, lab.did, ["x"], school.clock.now())
    headers = {} if fault == "nothing" else {"authorization": f"Bearer {token}"}
    url = f"https://localhost:{school.https_port}/data/{NAME}"
    answer = client.get(url, headers=headers)
    body = answer.json() if answer.status_code != 200 else {"code": "", "detail": ""}
    assert body["code"] == code
    assert reason in body["detail"]
    if not code:
        assert answer.content == DATA


@pytest.mark.parametrize("what", ["transfer", "contract"])
def test_what_no_longer_stands_cuts_the_connection(
    space: LiveSpace,
    going: str,
    client: httpx.Client,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    school, lab = space["school"].ports, space["lab"].ports
    endless(monkeypatch, school)
    access, _ = consumer_side.access(lab, going)
    headers = {"authorization": f"Bearer {access.token}"}
    with client.stream("GET", access.url, headers=headers) as answer:
        flowing = answer.iter_bytes()
        next(flowing)
        if what == "transfer":
            acts.give(school, acts.transfer(lab, going).peer_pid, Wish.SUSPEND, "a pause")
        else:
            agreed(school, lab, standing=Standing.SUSPENDED)
        with pytest.raises(httpx.RemoteProtocolError):
            sum(map(len, flowing))
    again = client.get(access.url, headers=headers)
    refused = {"transfer": "TRANSFER_INACTIVE", "contract": "CONTRACT_SUSPENDED"}
    assert again.json()["code"] == refused[what]


def test_an_address_that_names_nothing(space: LiveSpace, client: httpx.Client) -> None:
    url = f"https://localhost:{space['school'].https_port}/data/no-such"
    answer = client.get(url, headers={"authorization": "Bearer x"})
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
