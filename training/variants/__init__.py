"""Graphs of lower precision, made from the exported one, measured, and kept if they are good enough."""
