"""The other alternative to an HTTP pull: Debian's nginx, one worker, under the same certificate."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ABSENT = "nginx is not shown: install the package `nginx-light`"
_CONFIGURATION = """\
{user}
daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 256; }}
http {{
  access_log off; default_type application/octet-stream;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port} ssl; root {served};
    ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;
  }}
}}
"""


def found() -> str:
    """Return the program; empty where it is not installed."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") or ""


@contextmanager
def serving(folder: Path, port: int, chain: Path, key: Path, file: Path) -> Iterator[str]:
    """Serve a file until the end of the block; yields its address, or "" where there is no nginx.

    Args:
        folder: for what nginx writes.
        port: of loopback.
        chain: certificate, PEM.
        key: of the certificate.
        file: served to whoever asks.
    """
    if not found():
        yield ""
        return
    home = folder / "nginx"
    home.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    told = _CONFIGURATION.format(
        user=user, folder=home, port=port, served=file.parent, chain=chain, key=key
    )
    (home / "conf").write_text(told, encoding="utf-8")
    server = subprocess.Popen([found(), "-e", str(home / "errors"), "-c", str(home / "conf")])
    try:
        yield f"https://localhost:{port}/{file.name}"
    finally:
        server.terminate()
        server.wait(30)
