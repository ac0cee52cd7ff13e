"""The present: the loop that carries facts to the engine and wishes to the venue, and what stands around it."""
