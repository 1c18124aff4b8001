"""The paper's equations as pure functions of arrays: no state, no configuration, no randomness.

One file a section: `tasks` (Eqs. 1-5), `radio` (6), `latency` (7), `energy` (8), `twin` (9), `qoe` (10, 11),
`objective` (12-14). A function named `*_printed` is the equation exactly as printed.
"""
