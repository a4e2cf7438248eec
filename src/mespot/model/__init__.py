"""Features to detections: attention, pyramid, head, losses, candidates, NMS, checkpoints."""
