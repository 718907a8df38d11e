"""Models on GPUs of one's own: from rows of the tables to predictions and plans."""
