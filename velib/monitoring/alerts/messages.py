"""What is said: one message a rule, however many stations it is about; or a digest of several. As text, and as Slack wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from velib.monitoring.alerts.configuration import SEVERITIES, Rule
from velib.monitoring.alerts.state import Due, Incident

# So many are named; of each rule in a digest.
_NAMED = 10
_NAMED_IN_DIGEST = 3

# Slack refuses a block with more than 3,000 characters, and a message with more than 50 blocks.
_LONGEST_BLOCK = 2900
_MOST_PARTS = 40


@dataclass(frozen=True)
class Part:
    """What is said of one rule."""

    rule: Rule
    due: Due

    @property
    def title(self) -> str:
        due = self.due
        counts = {"new": due.opened, "still open": due.still, "recovered": due.recovered}
        said = ", ".join(f"{len(incidents):,} {what}" for what, incidents in counts.items() if incidents)
        return f"{self.rule.name}: {said}"

    @property
    def severity(self) -> str:
        """That of the rule; of what is only over, the least."""
        return self.rule.severity if self.due.opened or self.due.still else SEVERITIES[0]


@dataclass(frozen=True)
class Message:
    """One message. `remark` stands below it."""

    parts: tuple[Part, ...]
    time_zone: ZoneInfo
    remark: str = ""

    @property
    def severity(self) -> str:
        return max((part.severity for part in self.parts), key=SEVERITIES.index)

    @property
    def is_over(self) -> bool:
        """Whether it only says that something is over."""
        return not any(part.due.opened or part.due.still for part in self.parts)

    @property
    def title(self) -> str:
        said = self.parts[0].title if len(self.parts) == 1 else f"{len(self.parts)} alerts in one message"
        return f"{'recovered' if self.is_over else self.severity}: {said}"

    @property
    def told(self) -> Mapping[str, Due]:
        return {part.rule.name: part.due for part in self.parts}

    def text(self) -> str:
        """All of it as plain text, the title first."""
        lines = [self.title]
        for part in self.parts:
            if len(self.parts) > 1:
                lines += ["", part.title]
            lines.append(part.rule.condition)
            for heading, items in self._sections(part):
                lines.append(f"{heading}:")
                lines += [f"  - {line}".replace("\n", "\n    ") for line in items]
        if self.remark:
            lines += ["", self.remark]
        return "\n".join(lines)

    def slack(self) -> dict[str, Any]:
        """The body for an incoming webhook of Slack: `text` for notifications, `blocks` for the channel."""
        blocks: list[dict[str, Any]] = [
            {"type": "header", "text": {"type": "plain_text", "text": self.title[:150], "emoji": False}}
        ]
        for part in self.parts[:_MOST_PARTS]:
            lines = [f"*{_escaped(part.title)}*" if len(self.parts) > 1 else "", f"_{_escaped(part.rule.condition)}_"]
            for heading, items in self._sections(part):
                lines.append(f"*{heading}*")
                lines += [f"• {_escaped(line)}".replace("\n", "\n    ") for line in items]
            said = "\n".join(line for line in lines if line)
            blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": _cut(said, _LONGEST_BLOCK)}})
        if self.remark:
            blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _escaped(self.remark)}]})
        return {"text": _escaped(self.title), "blocks": blocks}

    def _sections(self, part: Part) -> Iterator[tuple[str, list[str]]]:
        most = _NAMED if len(self.parts) == 1 else _NAMED_IN_DIGEST
        for heading, incidents in (
            ("new", part.due.opened),
            ("still open", part.due.still),
            ("recovered", part.due.recovered),
        ):
            if incidents:
                named = [self._line(each) for each in incidents[:most]]
                if len(incidents) > most:
                    named.append(f"… and {len(incidents) - most:,} more")
                yield heading, named

    def _line(self, incident: Incident) -> str:
        if incident.recovered_at is not None:
            begin = incident.since or incident.opened_at
            return f"{incident.label}: from {self._when(begin)} to {self._when(incident.recovered_at)}"
        since = f"since {self._when(incident.since)}" if incident.since else ""
        if "\n" in incident.fact:  # a list
            return f"{incident.label}\n{incident.fact}"
        return f"{incident.label}: {'; '.join(each for each in (since, incident.fact) if each)}"

    def _when(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.time_zone):%d.%m. %H:%M}"


def within(messages: Sequence[Message], budget: int | None, per_hour: int | None) -> list[Message]:
    """As many messages as may go out now, the gravest first. The last one allowed is a digest of all that is left."""
    gravest = sorted(messages, key=lambda each: (each.is_over, -SEVERITIES.index(each.severity)))
    if budget is None or len(gravest) < budget:
        return gravest
    if budget <= 0:
        return []
    alone, rest = gravest[: budget - 1], gravest[budget - 1 :]
    remark = f"No more than {per_hour} messages an hour come here: what happens next waits, and comes as one."
    parts = tuple(part for message in rest for part in message.parts)
    return [*alone, replace(rest[0], parts=parts, remark=remark)]


def _escaped(text: str) -> str:
    """Slack reads these three as markup, and links of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
