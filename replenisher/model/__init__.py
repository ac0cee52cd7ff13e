"""The words: instruments, orders, facts, commands and steps. Everything here is a value."""
