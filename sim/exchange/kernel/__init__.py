"""The compiled engine.  Read ``loop.py`` first: one message in, events out."""
