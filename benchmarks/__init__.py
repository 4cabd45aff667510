"""What the warehouse reaches, each figure a command that prints it: `python -m benchmarks.NAME --help`."""
