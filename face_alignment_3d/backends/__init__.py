"""What runs the cascade: torch, or ONNX Runtime without torch."""
