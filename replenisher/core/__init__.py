"""The thinking: no await, no clock, no socket, no log, no random. Facts in, wishes out."""
