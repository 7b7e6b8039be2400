"""Objects of an S3-compatible store, beneath one bucket and prefix, by Arrow's own client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from pyarrow import fs

from connector.errors import ConfigurationInvalid, DataFileMissing, DataFileUnreadable
from connector.sources.remote.fetching import Remote

_SECONDS: Final = 30.0
_CHUNK: Final = 1 << 20  # bytes
_PARTS: Final = 2  # of the secret: the name of a key, and the key
_REFUSED: Final = ("ACCESS_DENIED", "SIGNATURE_DOES_NOT_MATCH", "INVALID_ACCESS_KEY_ID", "403")


@contextmanager
def opened(options: Mapping[str, str], secret: str, path: str) -> Iterator[Remote]:
    """Open an object.

    Args:
        options: `bucket`, and maybe `endpoint`, `region`, `prefix`, `roots`.
        secret: name of a key, a blank or line break, and the key; empty for public objects.
        path: beneath bucket and prefix.

    Raises:
        DataFileMissing: there is no such object.
        ConfigurationInvalid: the store refuses the key, or the secret is none.
        DataFileUnreadable: the store does not answer, or stopped.
    """
    parts = secret.split()
    if secret and len(parts) != _PARTS:
        raise ConfigurationInvalid("the secret of the connection is no name of a key and a key")
    keys = dict(zip(("access_key", "secret_key"), parts, strict=True)) if parts else {}
    store = fs.S3FileSystem(
        **keys,
        anonymous=not parts,
        region=options.get("region", "us-east-1"),
        scheme="https",
        endpoint_override=urlsplit(options.get("endpoint", "")).netloc or None,
        tls_ca_file_path=options.get("roots"),
        connect_timeout=_SECONDS,
        request_timeout=_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=2),
    )
    name = "/".join(filter(None, (options["bucket"], options.get("prefix", "").strip("/"), path)))
    try:
        with store.open_input_file(name) as file:
            mark = (file.metadata() or {}).get("ETag", b"").decode("ascii", "replace")
            yield Remote(file.size(), mark, iter(lambda: file.read(_CHUNK), b""))
    except FileNotFoundError:
        raise DataFileMissing("the store has no such object") from None
    except OSError as exc:
        if any(each in str(exc) for each in _REFUSED):
            raise ConfigurationInvalid("the store refuses the connection's secret") from None
        raise DataFileUnreadable("the store does not answer over TLS, or stopped") from None
