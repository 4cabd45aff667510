"""What must never be shown: a token, a POST body. And how a text is rid of it before it goes anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

HIDDEN = "[secret]"
# A secret of a letter or two is none, and hiding it would leave nothing of a line to read.
_SHORTEST = 3


class Secret:
    """A value that shows itself only when asked to: not in a log, a traceback or a debugger's list of variables."""

    __slots__ = ("_value", "name")

    def __init__(self, name: str, value: str) -> None:
        self.name, self._value = name, value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.name})"


class Redactor:
    """Hides secrets in texts, in each form in which they may get there."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            value = secret.reveal()
            # "Basic abc": the second word is the secret, and a server may repeat it alone.
            for part in (value, *(value.split() if " " in value and len(value.split()) == 2 else ())):
                forms |= {part, quote(part, safe=""), quote(part), json.dumps(part)[1:-1]}
        usual = {"basic", "bearer", "token", "apikey"}
        self._forms = sorted(
            (form for form in forms if len(form) >= _SHORTEST and form.lower() not in usual), key=len, reverse=True
        )

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def in_bytes(self, data: bytes) -> bytes:
        for form in self._forms:
            data = data.replace(form.encode(), HIDDEN.encode())
        return data
