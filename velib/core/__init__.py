"""Settings, errors, files and their locks, log lines, processes. Knows no other part of the project, and nothing of bikes."""
