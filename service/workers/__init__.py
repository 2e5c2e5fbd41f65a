"""Several processes that share the port: a supervisor that keeps them running, and the board that they share."""
