"""Change capture: what differs from one snapshot to the next, as Arrow tables. Knows no database."""
