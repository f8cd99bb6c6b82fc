"""The course itself: the diamond desk, its data, the exercises and the game day."""
