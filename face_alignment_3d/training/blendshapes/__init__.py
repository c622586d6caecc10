"""Training of the blendshapes: ICT-FaceKit's expressions, seen as this library's landmarks."""
