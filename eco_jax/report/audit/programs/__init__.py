"""Counterexamples to the printed equations: each file is a whole program, to be read, executed or pasted."""
