"""A load: batches of files through change capture and dlt into the raw schema, and what the raw schema is."""
