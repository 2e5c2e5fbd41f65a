"""Plain ASGI, outside the framework: what must hold before a byte of a body is read, on every path."""
