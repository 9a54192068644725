"""People over time: who is who, where they are between frames, and which sensor contradicts them.

Level frame, metres, stamps in ns on one clock; without ROS, torch or a clock of its own.
"""
