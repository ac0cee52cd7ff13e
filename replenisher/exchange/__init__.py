"""A market of our own: matching, money, order flow, and the dialects in which it speaks. Only `server` does I/O."""
