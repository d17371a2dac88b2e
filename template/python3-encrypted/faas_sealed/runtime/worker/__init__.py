"""A worker's process: one request after the other, with its key, its body and its answer."""
