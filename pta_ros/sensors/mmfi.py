"""How MM-Fi's sensors appear in messages, recorded or simulated."""

#: Frame of each modality's messages, as in the shipped parameters.
FRAMES = {"depth": "depth_optical_frame", "lidar": "lidar_frame", "csi": "wifi_frame"}

#: MM-Fi's access points: channel 64, 40 MHz wide.
CENTER_HZ, BANDWIDTH_HZ = 5.32e9, 40e6
