"""What the service does under load, beside what the hardware can do and what comparable servers do.

``works`` are the networks and images, ``loads`` what is sent, ``targets`` who is measured, ``wrk`` how, ``measure`` in
which order, ``records`` what is kept of it, ``wanted`` and ``report`` what comes of it. All of it is done by
``python -m benchmarks.serving``.
"""
