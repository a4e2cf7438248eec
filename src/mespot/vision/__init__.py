"""Pixels to features: decode, faces, steady crops, optical flow, two-stream I3D."""
