"""Recordings of one's own as training trees: frames in step, their truth, what was left out."""
