"""Any face detector can find the faces; here scikit-image's: python examples/own_detector.py [photo]"""

import sys

import numpy as np
import skimage.data
from skimage.feature import Cascade

from face_alignment_3d import Detection, FaceAligner3D
from face_alignment_3d.detection.calibration import BoxCalibration
from face_alignment_3d.images import as_rgb


class CascadeDetector:
    # From this detector's squares to boxes from brows to chin; BoxCalibration.estimate finds such numbers.
    to_reference = BoxCalibration(shift_y=0.14, scale_x=0.86, scale_y=0.84)

    def detect(self, image_rgb: np.ndarray) -> list[Detection]:
        cascade = Cascade(skimage.data.lbp_frontal_face_cascade_filename())
        sizes = {"min_size": (60, 60), "max_size": image_rgb.shape[:2]}
        found = cascade.detect_multi_scale(image_rgb, scale_factor=1.2, step_ratio=1, **sizes)
        boxes = [[f["c"], f["r"], f["c"] + f["width"], f["r"] + f["height"]] for f in found]
        return [Detection(self.to_reference.apply(np.array(box)).astype(np.float32), 1.0) for box in boxes]


photo = as_rgb(sys.argv[1] if len(sys.argv) > 1 else skimage.data.astronaut())
landmarks = FaceAligner3D(detector=CascadeDetector()).get_landmarks(photo)
print(f"{len(landmarks)} faces, array of shape {landmarks.shape}")
