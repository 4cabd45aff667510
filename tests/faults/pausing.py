"""`velib` that stops itself at one exact point: `python pausing.py before|after NUMBER MODULE:FUNCTION VELIB-ARGUMENTS…`

Run as a program. At the given call of the function the whole process stops (SIGSTOP), as if its time slice had ended
there. The test kills it, or lets it go on. Everything else is the command itself. MODULE:CLASS.METHOD is understood too.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import signal
import sys
from typing import Any


def pause(when: str, number: int, place: str) -> None:
    module, _, name = place.partition(":")
    holder: Any = importlib.import_module(module)
    *outer, last = name.split(".")
    for each in outer:
        holder = getattr(holder, each)
    inner = getattr(holder, last)
    calls = itertools.count(1)

    @functools.wraps(inner)
    def paused(*arguments: Any, **named: Any) -> Any:
        is_the_one = next(calls) == number
        if is_the_one and when == "before":
            os.kill(os.getpid(), signal.SIGSTOP)
        result = inner(*arguments, **named)
        if is_the_one and when == "after":
            os.kill(os.getpid(), signal.SIGSTOP)
        return result

    setattr(holder, last, paused)


if __name__ == "__main__":
    when, number, place, *arguments = sys.argv[1:]
    # Python puts this script's folder first on its path, and the project may be no install but a checkout.
    sys.path[0] = os.getcwd()
    pause(when, int(number), place)
    from velib.cli.main import velib

    velib(arguments, prog_name="velib")
