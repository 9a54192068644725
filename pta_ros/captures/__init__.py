"""Files and streams of Wi-Fi cards as packets of channel state, and packets as bursts; no ROS."""
