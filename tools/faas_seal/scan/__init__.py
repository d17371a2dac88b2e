"""Looks for a source, or for canaries, wherever they could have come to lie."""
