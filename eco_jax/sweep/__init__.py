"""Many configurations: the space they come from, one program for those of one shape, search, cluster."""
