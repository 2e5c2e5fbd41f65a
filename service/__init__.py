"""Serves versions over HTTP. Imports the web stack and models; never training, never torch."""
