"""Other people's environments under our protocol, and ours under theirs."""
