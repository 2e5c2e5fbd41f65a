"""From a data set on the disk to disjoint splits of pixels in memory, and to augmented batches."""
