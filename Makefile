# Needs make, and python3 (3.10 or newer) with its venv module; all else goes into .venv.

PYTHON ?= python3
LOWEST_PYTHON ?= python3.10
VENV ?= .venv
OUT ?= out/demo

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-lowest test-newest test-wheel test-torchfree

help:
	@echo "make demo   install into $(VENV), align a photo and write the result to $(OUT)"
	@echo "make test   install into $(VENV) and check everything: ruff, mypy, pytest"
	@echo "make test-lowest   the core of the suite with the lowest versions of all dependencies (OpenCV 4)"
	@echo "make test-wheel    the distributions: the core of the suite beside the wheel and the newest versions (OpenCV 5), without a network; each extra alone; types"
	@echo "make test-newest   of these the core of the suite alone"
	@echo "make test-torchfree   an empty environment, the distribution without torch, a photo aligned with it, and by a PyInstaller application"

# The photo, scikit-image's astronaut (public domain), lies in its wheel, and the weights in ours: --offline proves it.
demo: $(INSTALLED)
	@mkdir -p $(OUT)
	@$(BIN)/python -c "import shutil, skimage; \
	shutil.copyfile(skimage.__path__[0] + '/data/astronaut.png', '$(OUT)/astronaut.png')"
	$(BIN)/face-alignment-3d align $(OUT)/astronaut.png --output $(OUT) --json --draw --offline

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

# What depends on other packages; training is left out. The last results: benchmarks/results/versions.md.
CORE := tests/backends tests/blendshapes tests/detection tests/export tests/networks tests/onnx_graphs tests/pose \
	tests/video tests/weights $(wildcard tests/test_*.py)
EXTRAS := tests/batch tests/cli tests/serve
TOOLS := pytest packaging tomli pygltflib trimesh plyfile pandas httpx httpx2

test-lowest:
	$(LOWEST_PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet -r requirements/lowest.txt $(TOOLS)
	.venv-lowest/bin/python -m pip list
	.venv-lowest/bin/python -m pytest $(CORE) $(EXTRAS)

test-newest: PARTS := core
test-newest: test-wheel

# All parts, or those in PARTS. The distributions that were proved lie in .venv-wheel/dist.
test-wheel: $(INSTALLED)
	$(BIN)/python tests/distributions/prove_wheel.py $(PARTS) --core $(CORE) $(EXTRAS)

test-torchfree: $(INSTALLED)
	$(BIN)/python tests/distributions/without_torch.py

# torch and torchvision come from the same place, pip's default: one from elsewhere (CPU-only builds, say) would
# not load beside the other.
# opencv-python needs libGL.so.1 and glib, which a bare server lacks; its headless twin is the same module
# without windows. Forced, since taking opencv-python away also takes files that both own.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'needs Python 3.10 or newer: make PYTHON=...')"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
	{ echo "needs Python's venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "installing into $(VENV): some minutes, about 6 GB (torch brings its CUDA libraries)"
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@$(BIN)/python -c "import cv2" 2>/dev/null || { \
	echo "opencv-python does not load here (no libGL.so.1?): taking opencv-python-headless"; \
	$(BIN)/python -m pip uninstall --quiet --yes opencv-python; \
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps opencv-python-headless; \
	$(BIN)/python -c "import cv2"; }
	@touch $@
