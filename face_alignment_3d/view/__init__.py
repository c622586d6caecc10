"""An HTML page that shows a photo or a video beside its faces in three dimensions."""

from face_alignment_3d.view.page import ViewPage, photo_page
from face_alignment_3d.view.result_file import ResultFile

__all__ = ["ResultFile", "ViewPage", "photo_page"]
