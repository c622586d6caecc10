# docker build -t face-alignment-3d .
# docker run --rm -p 127.0.0.1:8000:8000 -e FACE_ALIGNMENT_3D_TOKEN=... face-alignment-3d
#
# The networks' graphs are made with torch, which the image itself does without.
FROM python:3.12-slim AS base
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
 && rm -rf /var/lib/apt/lists/*
ENV FACE_ALIGNMENT_3D_HOME=/models FACE_ALIGNMENT_3D_OFFLINE=1 PIP_NO_CACHE_DIR=1

FROM base AS graphs
COPY . /source
RUN pip install '/source[onnx]'
RUN python -c "from face_alignment_3d import FaceAligner3D; FaceAligner3D(backend='onnx').load()"

FROM base
RUN --mount=type=bind,source=.,target=/source,rw pip install '/source/torchfree[serve]'
COPY --from=graphs /models /models
RUN useradd --system server
USER server
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health')"]
ENTRYPOINT ["face-alignment-3d", "serve", "--host", "0.0.0.0"]
