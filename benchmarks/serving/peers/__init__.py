"""Comparable servers with the same network, image and answer, each written and set up as its documentation has it.

They run in an environment of their own (requirements/bench.txt) and import nothing of the project but ``common``.
"""
