"""What each result is made from, and which results are made again."""
