"""The runtimes of the cascade: torch, and ONNX Runtime without torch."""
