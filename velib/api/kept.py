"""Answers that were given, by the state of the mart that they are of: the same question again costs no query. Bounded in bytes."""

from collections import OrderedDict

_MOST_BYTES = 32 * 1024 * 1024
_LARGEST = 2 * 1024 * 1024


class Kept:
    """The answers that were asked for last. What is of an older state of the mart is forgotten at once."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._answers: OrderedDict[str, tuple[bytes, dict[str, str]]] = OrderedDict()
        self._most_bytes, self._bytes, self._token = most_bytes, 0, ""

    def get(self, token: str | None, question: str) -> tuple[bytes, dict[str, str]] | None:
        if token is None or token != self._token or question not in self._answers:
            return None
        self._answers.move_to_end(question)
        return self._answers[question]

    def keep(self, token: str | None, question: str, body: bytes, headers: dict[str, str]) -> None:
        if token is None or len(body) > _LARGEST:
            return
        if token != self._token:
            self._answers.clear()
            self._token, self._bytes = token, 0
        if question in self._answers:
            self._bytes -= len(self._answers.pop(question)[0])
        self._answers[question] = (body, headers)
        self._bytes += len(body)
        while self._bytes > self._most_bytes:
            _, (dropped, _) = self._answers.popitem(last=False)
            self._bytes -= len(dropped)
