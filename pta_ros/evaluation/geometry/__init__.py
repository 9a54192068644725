"""Where a model of people holds: its error over lens, height, pitch, distance, heading and more."""
