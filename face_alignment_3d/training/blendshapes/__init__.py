"""Training of the face coefficients: ICT-FaceKit's expressions, seen as this library's landmarks."""
