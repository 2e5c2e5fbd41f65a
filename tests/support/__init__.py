"""What the tests of all rooms share: real graphs, real images, real bundles, all made on the spot."""
