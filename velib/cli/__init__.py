"""The `velib` command, the process that forks verbs off quickly, the demo. Each other verb lies with its subject."""
