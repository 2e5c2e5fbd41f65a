"""Archives that strangers send: read entry by entry, never unpacked, every claim of theirs counted while it is read."""
