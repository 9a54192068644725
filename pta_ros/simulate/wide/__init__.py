"""The wide world: random rooms, people, cameras, LiDARs and mountings, all from one seed.

Frame of every scene, the level frame: x forward from the camera's place along its heading, y left,
z up, origin on the floor below the camera; metres.
"""
