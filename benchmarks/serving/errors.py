"""What can go wrong in a measurement.

BenchmarkFailed
|-- ToolMissing       a program or an environment is not installed
|-- ServerFailed      a server did not start, or does not answer as it should
|-- LoadFailed        the load generator failed
`-- RunMismatch       a run was begun with other arguments
"""


class BenchmarkFailed(Exception):
    """The root: what it says is for people."""


class ToolMissing(BenchmarkFailed):
    """A program or an environment is not installed; says how to get it."""


class ServerFailed(BenchmarkFailed):
    """A server did not start, or does not answer as it should."""


class LoadFailed(BenchmarkFailed):
    """The load generator failed."""


class RunMismatch(BenchmarkFailed):
    """A run was begun with other arguments, which cannot be mixed with these."""
