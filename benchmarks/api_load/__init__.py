"""The API under load: `python -m benchmarks.api_load`. What it is asked, how, and what becomes of its memory."""
