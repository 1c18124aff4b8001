"""Networks, the action distribution, advantages, A2C."""
