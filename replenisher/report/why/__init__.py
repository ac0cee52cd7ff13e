"""Why an order is there: its story, told from rows alone."""
