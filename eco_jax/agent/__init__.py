"""Networks, the action distribution, advantages; the learning algorithms are in `algorithms`."""
