"""Metrics for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)


class ServerMetrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        prefix = "face_alignment_3d"
        self.frames = Counter(
            f"{prefix}_frames",
            "Frames of live video: answered, dropped for a newer one, or refused as bad or too many",
            ["outcome"],
            registry=registry,
        )
        self.photos = Counter(
            f"{prefix}_photos", "Photos: answered, or refused", ["outcome"], registry=registry
        )
        self.faces = Counter(f"{prefix}_faces", "Faces in answers", registry=registry)
        self.connections = Gauge(f"{prefix}_connections", "Open connections of live video", registry=registry)
        self.frame_seconds = Histogram(
            f"{prefix}_frame_seconds",
            "From the arrival of a frame to its answer",
            buckets=_SECONDS,
            registry=registry,
        )
        self.photo_seconds = Histogram(
            f"{prefix}_photo_seconds",
            "From the arrival of a photo to its answer",
            buckets=_SECONDS,
            registry=registry,
        )
        # Memory and CPU time of the process, on Linux.
        ProcessCollector(registry=registry)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
