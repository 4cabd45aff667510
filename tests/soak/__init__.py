"""A soak: hours of recordings, served to the collector faster than they happened, while things fail. Then the mart is held
against one that is built from the landing files from scratch.

feed.py serves the recordings and misbehaves, collector.py is `velib poll` by a clock that runs faster (clock.py), timeline.py says
what goes wrong and when, services.py starts and kills, watch.py measures, outcome.py compares. `make soak` runs it all.
"""
