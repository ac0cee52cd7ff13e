"""Looking back: the audit, and the summary of a run."""
