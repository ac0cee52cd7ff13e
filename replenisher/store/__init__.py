"""The memory: the journal, and the tables it is turned into."""
