"""TLS that asks a caller for its certificate, demands none and takes any: pyOpenSSL for asyncio.

Rules: a certificate proves that its key is the caller's, which OpenSSL checks (RFC 8446 section
4.4.3), and nothing else: no name in it counts, and who issued it is not looked at. A session is
never resumed, so that each connection shows its own. TLS 1.2 or newer. The standard library ends
the handshake of whoever shows a certificate that it cannot trace to a root, and can be told nothing
else; hence another binding of OpenSSL, in the form that asyncio takes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from OpenSSL import SSL, crypto
from uvicorn.protocols.http.h11_impl import H11Protocol

from connector.peer.web import certificate as certificates
from connector.peer.web.certificate import FollowedCertificate
from connector.peer.web.shown import STATE

_RECORD: Final = 1 << 14  # bytes: most that one record holds (RFC 8446 section 5.1)
T = TypeVar("T")


class AskingTls:
    """What asyncio takes for an `ssl.SSLContext`; used by one thread."""

    def __init__(self, pair: FollowedCertificate[SSL.Context]) -> None:
        """Prepare.

        Args:
            pair: of the server.
        """
        self._pair = pair

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = True,  # noqa: FBT001, FBT002 - as `ssl.SSLContext` has it
        server_hostname: str | None = None,  # noqa: ARG002 - same
    ) -> Channel:
        """Begin a connection."""
        assert server_side  # noqa: S101 - it is for a server
        return Channel(self._pair.newest(), incoming, outgoing)


class Channel:
    """What asyncio takes for an `ssl.SSLObject`: one connection, of which it carries the bytes."""

    def __init__(
        self, context: SSL.Context, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> None:
        self._in, self._out = incoming, outgoing
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        self._step(self._tls.do_handshake)

    def read(self, size: int) -> bytes:
        """Return what the caller sent; nothing where it said farewell."""
        try:
            return self._step(partial(self._tls.recv, min(size, _RECORD)))
        except ssl.SSLZeroReturnError:
            return b""

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Send all of it."""
        view, done = memoryview(data), 0
        while done < len(view):
            done += self._step(partial(self._tls.send, view[done : done + _RECORD]))
        return done

    def unwrap(self) -> None:
        """Say farewell, and wait for the caller's."""
        if not self._step(self._tls.shutdown):
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the farewell is awaited")

    def getpeercert(self, binary_form: bool = False) -> bytes | dict[str, str] | None:  # noqa: FBT001, FBT002 - as `ssl.SSLObject` has it
        """Return the caller's certificate, DER; its members are nobody's to look at."""
        if not binary_form:
            return {}
        found = self._tls.get_peer_certificate()
        return crypto.dump_certificate(crypto.FILETYPE_ASN1, found) if found else None

    def cipher(self) -> tuple[str, str, int] | None:
        """Return the cipher, as `ssl.SSLObject` names it."""
        name = self._tls.get_cipher_name()
        if name is None:
            return None
        return name, self._tls.get_cipher_version() or "", self._tls.get_cipher_bits() or 0

    def compression(self) -> None:
        """There is none."""

    def _step(self, act: Callable[[], T]) -> T:
        """Take a step with what has come, and hand on what it has to say.

        Raises:
            ssl.SSLWantReadError: more must come first.
            ssl.SSLZeroReturnError: the caller said farewell.
            ssl.SSLError: TLS failed.
        """
        if self._in.pending:
            self._tls.bio_write(self._in.read())
        elif self._in.eof:
            self._tls.bio_shutdown()
        try:
            return act()
        except SSL.WantReadError as exc:
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "more must come") from exc
        except SSL.ZeroReturnError as exc:
            raise ssl.SSLZeroReturnError(ssl.SSL_ERROR_ZERO_RETURN, "farewell") from exc
        except SSL.Error as exc:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, "TLS failed") from exc
        finally:
            self._hand_on()

    def _hand_on(self) -> None:
        size = _RECORD
        while size == _RECORD:
            try:
                data = self._tls.bio_read(_RECORD)
            except SSL.WantReadError:  # there is nothing
                return
            self._out.write(data)
            size = len(data)


class AskingProtocol(H11Protocol):
    """uvicorn's protocol; each request has what its caller showed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Keep what the caller showed."""
        super().connection_made(transport)
        channel = self.transport.get_extra_info("ssl_object")
        found = channel.getpeercert(binary_form=True) if channel is not None else None
        if found:
            self.app_state = {**self.app_state, STATE: ssl.DER_cert_to_PEM_cert(found)}


def context(certificate: Path, key: Path) -> SSL.Context:
    """Return a context that shows a pair, and asks for one.

    Raises:
        OSError: a file cannot be read, or the two are no pair (`ssl.SSLError`).
    """
    certificates.context(certificate, key)  # they are a pair, and nobody is asked for a password
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    made.set_min_proto_version(SSL.TLS1_2_VERSION)
    made.set_cipher_list(_ciphers())
    made.set_mode(SSL.MODE_RELEASE_BUFFERS)
    made.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    made.set_verify(SSL.VERIFY_PEER, _taken)  # asks; only VERIFY_FAIL_IF_NO_PEER_CERT demands
    made.set_verify_depth(0)  # a chain is not followed
    try:
        made.use_certificate_chain_file(certificate)
        made.use_privatekey_file(key)
    except SSL.Error as exc:
        raise ssl.SSLError(ssl.SSL_ERROR_SSL, "no certificate with its key") from exc
    return made


def _ciphers() -> bytes:
    """Return those that the standard library offers."""
    offered = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).get_ciphers()
    return ":".join(each["name"] for each in offered).encode()


def _taken(*_: object) -> bool:
    """Take a certificate, whoever issued it; that its key signed the handshake is checked apart."""
    return True
