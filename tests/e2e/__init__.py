"""Whole ways: from files to the mart. A package, so that its modules may be named as those of tests/unit."""
