"""Where HTTP meets the cloud: routes turn requests into gestures and values into responses."""
