"""The reproduction as parts: each trains or plays something, and its numbers are kept until its settings change."""
