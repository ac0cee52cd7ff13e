"""Coming from Hummingbot: a file of its pure or Avellaneda market making, turned into a configuration of ours.

`keys` is the table of every key of both templates, `reading` reads a file by it, `translation` says it in our words,
`page` is the table as documentation.
"""
