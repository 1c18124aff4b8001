"""One run that measures everything on an accelerator: correctness, speed, memory, compilation, precision, a profile."""
