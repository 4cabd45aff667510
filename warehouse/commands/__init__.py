"""The verbs of `velib` that need nothing but this package."""
