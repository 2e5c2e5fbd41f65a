"""Measurements with a command each; nothing here is a test."""
