"""Sealing: from a source folder to a sealed file, its keys, and what is remembered of it."""
