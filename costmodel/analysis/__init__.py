"""What bills mean: comparisons, checks against published figures."""
