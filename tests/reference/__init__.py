"""The mart's facts by brute force, written from docs/decisions alone, to compare the warehouse with.

Its value is that it shares nothing with what it checks: it holds whole snapshots in memory, knows no change sets, no
SQL and no increments, and prefers the obvious way to the quick one. Of the project it uses only the formats' readers
and the capture time of a file name; nothing else of it may be imported here.
"""
