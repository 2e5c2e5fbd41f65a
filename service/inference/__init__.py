"""From pixels to probabilities: admission, batching, engines, and the pipeline that joins them."""
