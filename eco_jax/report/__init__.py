"""Statistics, tables and figures of results."""
