"""How fast it is: programs to time, peers to time them against, the machine's limits, and the report."""
