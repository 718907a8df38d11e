"""Plans for own GPUs: how many, how set up, how fast, how sure."""
