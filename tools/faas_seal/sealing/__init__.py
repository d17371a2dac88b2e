"""Sealing: from a source folder to a sealed file, its keys, and what the project remembers."""
