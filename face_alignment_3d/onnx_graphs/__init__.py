"""ONNX graphs of the networks: making them (with torch), naming and finding them (without)."""
