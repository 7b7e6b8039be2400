"""Sends notices as e-mail: the port `Mail` over SMTP (RFC 5321), encrypted (RFC 8314).

Rules: nothing goes in clear, and no password is shown, but to a server on loopback; a certificate
that does not verify ends the try; every wait is bounded. Loads its libraries with the first notice.
"""

from __future__ import annotations

import ipaddress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from connector.config import Settings
from connector.errors import WorldFault
from connector.store.files.keys import read_private_file

SECONDS: Final = 15.0  # for each step
_TLS_FROM_THE_START: Final = 465  # RFC 8314 section 7.3


class SmtpMail:
    """Sends to the addresses of the settings, and to no others."""

    def __init__(self, settings: Settings) -> None:
        """Keep the settings; nothing is opened or read."""
        self._settings = settings

    @classmethod
    def of(cls, settings: Settings) -> SmtpMail | None:
        """Return what sends by the settings; None where they name no server."""
        return cls(settings) if settings.mail_server else None

    def send(self, subject: str, text: str, at: datetime) -> None:
        """Send one message; see `ports.Mail`.

        Raises:
            WorldFault: the server cannot be reached, shows no sound certificate, or refuses.
            KeyUnusable: the file of the password cannot be used.
        """
        import smtplib  # noqa: PLC0415 - a node without notices never loads it

        try:
            self._deliver(_message(self._settings, subject, text, at))
        except smtplib.SMTPResponseException as exc:
            raise self._fault(f"answers {exc.smtp_code}") from exc
        except (smtplib.SMTPException, OSError) as exc:
            raise self._fault(f"does not accept the message ({type(exc).__name__})") from exc

    def _deliver(self, message: Any) -> None:
        import smtplib  # noqa: PLC0415 - see `send`
        import ssl  # noqa: PLC0415 - see `send`

        host, port = endpoint(self._settings.mail_server)
        context = ssl.create_default_context()
        if port == _TLS_FROM_THE_START:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=SECONDS)
        with server:
            if port != _TLS_FROM_THE_START and not _loopback(host):
                server.starttls(context=context)  # raises where the server offers none
            if self._settings.mail_user:
                server.login(self._settings.mail_user, _password(self._settings))
            server.send_message(message)

    def _fault(self, what: str) -> WorldFault:
        return WorldFault(
            f"the mail server `{self._settings.mail_server}` {what}",
            hint="see `mail_server` and `mail_user` in preau.toml",
        )


def endpoint(stated: str) -> tuple[str, int]:
    """Return host and port of `host:port`."""
    host, _, port = stated.rpartition(":")
    return host.strip("[]"), int(port)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _password(settings: Settings) -> str:
    file: Path = settings.path(settings.mail_password_file)
    return read_private_file(file).decode("utf-8", errors="replace").strip()


def _message(settings: Settings, subject: str, text: str, at: datetime) -> Any:
    from email.message import EmailMessage  # noqa: PLC0415 - see `send`
    from email.utils import format_datetime, make_msgid  # noqa: PLC0415 - see `send`

    made = EmailMessage()
    made["From"], made["To"] = settings.mail_from, ", ".join(settings.mail_to)
    made["Subject"], made["Date"] = subject, format_datetime(at)
    made["Message-ID"] = make_msgid(domain=settings.mail_from.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nothing answers it by itself
    made.set_content(text)
    return made
