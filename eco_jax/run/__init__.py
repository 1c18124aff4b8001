"""One run: its settings, the machine it finds, the folder it leaves."""
