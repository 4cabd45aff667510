"""How a message gets to a receiver: a webhook, an e-mail, a line in the log. One try; what goes wrong is a DeliveryError.

Errors are told in words of our own: an address of a webhook is a secret, and what a server says may repeat one.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any
from urllib.parse import urlsplit

import certifi

from velib.monitoring.alerts.configuration import Receiver
from velib.monitoring.alerts.log import log
from velib.monitoring.alerts.messages import Message

# Each step of a delivery may take so many seconds: to connect, to wait for an answer.
TIMEOUT = 10.0


class DeliveryError(Exception):
    """A message was not delivered; the text says why, in one line and without secrets."""

    def __init__(self, why: str, is_passing: bool = False) -> None:
        """`is_passing`: another try may go well."""
        super().__init__(why)
        self.is_passing = is_passing


def send(receiver: Receiver, message: Message) -> None:
    """Deliver the message, or raise DeliveryError."""
    _SENDERS[receiver.kind](receiver, message)


def _variable(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise DeliveryError(f"{name} is not set in the environment")
    return value


# --- webhook ---------------------------------------------------------------------------------------------------------


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A webhook that has moved is a mistake: the message is not carried elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _webhook(receiver: Receiver, message: Message) -> None:
    url = _variable(receiver.url_env)
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii() and " " not in url
    except ValueError:
        is_address = False
    if not is_address:
        raise DeliveryError(f"{receiver.url_env} does not hold an http address")
    request = urllib.request.Request(  # noqa: S310  (the scheme is checked above)
        url,
        data=json.dumps(message.slack()).encode(),
        headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "velib-warehouse"},
        method="POST",
    )
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=_trust()), _NoRedirect)
    try:
        opener.open(request, timeout=TIMEOUT).close()
    except urllib.error.HTTPError as error:
        error.close()
        raise DeliveryError(
            f"the webhook answers HTTP {error.code}", error.code >= 500 or error.code in (408, 425, 429)
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DeliveryError(f"the webhook: {_cause(error)}", is_passing=True) from None


# --- e-mail ----------------------------------------------------------------------------------------------------------


def _email(receiver: Receiver, message: Message) -> None:
    login = None
    if receiver.user_env and receiver.password_env:
        login = _variable(receiver.user_env), _variable(receiver.password_env)
    mail = EmailMessage()
    mail["Subject"] = message.title[:200]
    mail["From"] = receiver.sender
    mail["To"] = ", ".join(receiver.recipients)
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = make_msgid(domain=receiver.sender.rsplit("@", 1)[1])
    mail["Auto-Submitted"] = "auto-generated"  # no answer from somebody who is away
    mail.set_content(message.text())
    server = f"the mail server {receiver.host}"
    try:
        smtp = _connected(receiver)
        try:
            if receiver.tls == "starttls":
                smtp.starttls(context=_trust())
            if login is not None:
                smtp.login(*login)
            refused = smtp.send_message(mail)
        finally:
            # Once it is sent it is sent, however badly the conversation ends.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                smtp.quit()
    except smtplib.SMTPAuthenticationError as error:
        raise DeliveryError(f"{server} does not take user and password ({error.smtp_code})") from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        why = f"{server} refuses the recipients ({', '.join(map(str, codes))})"
        raise DeliveryError(why, all(400 <= code < 500 for code in codes)) from None
    except smtplib.SMTPResponseException as error:
        raise DeliveryError(f"{server} answers {error.smtp_code}", 400 <= error.smtp_code < 500) from None
    except smtplib.SMTPNotSupportedError:
        raise DeliveryError(
            f"{server} does not offer {'STARTTLS' if login is None else 'STARTTLS or a login'}"
        ) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise DeliveryError(f"{server}: {_cause(error)}", is_passing=True) from None
    if refused:
        log("warning", "recipients_refused", receiver=receiver.name, recipients=", ".join(refused))


def _connected(receiver: Receiver) -> smtplib.SMTP:
    if receiver.tls == "tls":
        return smtplib.SMTP_SSL(receiver.host, receiver.port, timeout=TIMEOUT, context=_trust())
    return smtplib.SMTP(receiver.host, receiver.port, timeout=TIMEOUT)


# --- log -------------------------------------------------------------------------------------------------------------


def _log(receiver: Receiver, message: Message) -> None:
    dues = [part.due for part in message.parts]
    named = [each.label for due in dues for each in (*due.opened, *due.still, *due.recovered)]
    log(
        "info" if message.is_over else message.severity,
        "alert",
        rules=",".join(part.rule.name for part in message.parts),
        opened=sum(len(due.opened) for due in dues),
        still=sum(len(due.still) for due in dues),
        recovered=sum(len(due.recovered) for due in dues),
        subjects="; ".join(named[:10]) + ("; …" if len(named) > 10 else ""),
    )


_SENDERS: dict[str, Callable[[Receiver, Message], None]] = {"webhook": _webhook, "email": _email, "log": _log}


def _trust() -> ssl.SSLContext:
    """Whom the machine trusts (SSL_CERT_FILE says otherwise); certifi's list where the machine has none, as macOS may."""
    paths = ssl.get_default_verify_paths()
    return ssl.create_default_context(cafile=None if paths.cafile or paths.capath else certifi.where())


def _cause(error: BaseException) -> str:
    """The innermost reason, as the system says it; never a whole text, which may hold an address."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, TimeoutError):
            return f"no answer within {TIMEOUT:g} s"
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {seen.verify_message}"
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        reason = getattr(seen, "reason", None)
        seen = seen.__cause__ or seen.__context__ or (reason if isinstance(reason, BaseException) else None)
    return "the connection broke"
