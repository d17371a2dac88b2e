"""The search for a source, its keys or canaries, in all places that could have got a copy."""
