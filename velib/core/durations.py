"""Lengths of time in words, the same wherever one is shown to people."""

from datetime import timedelta


def in_words(length: timedelta) -> str:
    """45 s, 50 min, 75 min, 2 h, 2.5 h, 3 days, 2.1 years: the unit that says most, and no more digits than tell something."""
    seconds = round(length.total_seconds())
    if seconds < 0:
        return f"-{in_words(-length)}"
    if seconds < 120 and (seconds % 60 or not seconds):
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 120 and minutes % 60:
        return f"{minutes} min"
    hours = round(minutes / 60, 1)
    if hours < 48:
        return f"{hours:g} h"
    days = round(hours / 24, 1)
    return f"{days:g} days" if days < 730 else f"{round(days / 365.25, 1):g} years"
