"""A search for canaries: byte runs that must not be found, in every form they may take.

`needles` are the forms, `search` looks for them in bytes, `places` in files and
processes, and `proof` shows that a search can find before "nothing found" counts.
"""
