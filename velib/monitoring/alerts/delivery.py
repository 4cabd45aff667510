"""Several messages to several receivers, at once and in bounded time. A receiver that fails keeps nobody else waiting."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from velib.monitoring.alerts.configuration import Receiver
from velib.monitoring.alerts.messages import Message
from velib.monitoring.alerts.receivers import DeliveryError, send

# Before the second and the third try. More tries are for the next evaluation.
_PAUSES = (0.5, 2.0)
# For all receivers together: after that the pipeline goes on, and what was not delivered is due again.
_LONGEST = 45.0


@dataclass(frozen=True)
class Outcome:
    """What became of a message. `error` says why it was not delivered."""

    receiver: Receiver
    message: Message
    error: str | None


@dataclass(frozen=True)
class Post:
    """How messages go out, so that tests can stand in for it."""

    send: Callable[[Receiver, Message], None] = send
    sleep: Callable[[float], None] = time.sleep
    longest: float = _LONGEST

    def deliver(self, messages: Mapping[Receiver, Sequence[Message]]) -> Iterator[Outcome]:
        """What becomes of them, as it does. After a failure a receiver is left alone until the next evaluation."""
        outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        left = {receiver: list(each) for receiver, each in messages.items() if each}
        for receiver, each in left.items():
            # Daemons: one that hangs must not keep the process.
            threading.Thread(target=self._deliver_to, args=(receiver, list(each), outcomes), daemon=True).start()
        give_up = time.monotonic() + self.longest
        while left:
            try:
                outcome = outcomes.get(timeout=max(0.0, give_up - time.monotonic()))
            except queue.Empty:
                break
            left[outcome.receiver].pop(0)
            if outcome.error is not None or not left[outcome.receiver]:
                del left[outcome.receiver]
            yield outcome
        for receiver, each in left.items():
            yield Outcome(receiver, each[0], f"not delivered within {self.longest:g} s")

    def _deliver_to(
        self, receiver: Receiver, messages: Sequence[Message], outcomes: queue.SimpleQueue[Outcome]
    ) -> None:
        for message in messages:
            outcome = Outcome(receiver, message, self._try(receiver, message))
            outcomes.put(outcome)
            if outcome.error is not None:
                break

    def _try(self, receiver: Receiver, message: Message) -> str | None:
        for pause in (*_PAUSES, None):
            try:
                self.send(receiver, message)
            except DeliveryError as error:
                if pause is None or not error.is_passing:
                    return str(error)
                self.sleep(pause)
            except Exception as error:  # noqa: BLE001  # a mistake of ours must not silence the other receivers
                return f"a mistake of ours: {type(error).__name__}"
            else:
                return None
        raise AssertionError("the last try has no pause")
