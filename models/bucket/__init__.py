"""A store in a bucket: objects, the log of changes that decides what stands, bundles, and what is kept of them here."""
