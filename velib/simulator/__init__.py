"""A synthetic city with a docked bike-share network, for the demo, the tests and the benchmarks.

What belongs here: whatever makes up snapshots of a network that does not exist, and the truth about it. What does not:
reading snapshots (`ingestion`) and anything about the database. It may import `warehouse` (errors), nothing else of
ours.

`velib.simulator.city.City` is the library, `velib simulate` (`velib.simulator.commands`) writes its snapshots as an archive.
"""

VERSION = 2
"""Goes up whenever the same parameters give other bytes: archives of two versions never mix in one folder."""
