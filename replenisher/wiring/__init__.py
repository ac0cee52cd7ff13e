"""The only place where everything meets: configurations become engines, venues, exchanges and books."""
