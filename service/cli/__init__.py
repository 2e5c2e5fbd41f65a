"""The command line: ``whatsit``."""
