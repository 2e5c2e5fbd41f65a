"""Whole stories, each told by one command; not part of the package."""
