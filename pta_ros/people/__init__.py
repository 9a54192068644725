"""People in a level frame: from sensors' readings to where somebody may be, and what is there.

Level frame: x forward, y left, z up, the floor about z = 0; metres.
"""
