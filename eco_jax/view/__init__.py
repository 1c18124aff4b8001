"""The episode viewer: an episode recorded, and shown as a page, a film or a table."""
