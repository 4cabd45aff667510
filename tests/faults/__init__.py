"""Faults made for real: a process stopped at an exact point and killed there, a server that dies, a disk that is full."""
