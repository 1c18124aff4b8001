"""A study in parts: each trains agents or plays policies once, and its numbers are kept until its settings change."""
