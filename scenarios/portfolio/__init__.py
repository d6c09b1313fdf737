"""The portfolio lab: a hand-written portfolio, priced under every margin mode.

``files`` reads a ``*.portfolio.toml``, ``book`` turns it into what the exchange knows (a listing
and an account), ``lab`` prices it, ``tables`` shows it.
"""
