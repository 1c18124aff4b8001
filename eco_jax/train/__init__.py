"""Training: the loop, its host side, evaluation."""
