"""The author's code in a worker: loaded from memory, called, and its traces sealed."""
