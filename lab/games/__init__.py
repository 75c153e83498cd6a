"""Break/fix puzzles and GameDays."""
