"""What the service tells about itself: one log line a request, and metrics for Prometheus."""
