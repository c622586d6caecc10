"""ONNX graphs of the networks: making them needs torch; naming and finding them does not."""
