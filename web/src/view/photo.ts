import { faceSize, type Shown, type ShownFace } from "./face";
import { drawFace } from "./overlay";

/** What a {@link PhotoView} shows. Points are in pixels of width x height, whatever the picture's own size. */
export interface Photo {
  picture: CanvasImageSource | null;
  width: number;
  height: number;
  faces: readonly ShownFace[];
}

/** A photo or a frame with its faces on it, as large as its place allows. */
export class PhotoView {
  private readonly canvas = document.createElement("canvas");
  private readonly context = this.canvas.getContext("2d")!;
  private last: [Photo, Shown, ShownFace | null] | null = null;

  /** Fills `parent`. */
  constructor(private readonly parent: HTMLElement) {
    parent.append(this.canvas);
    new ResizeObserver(() => this.last && this.show(...this.last)).observe(parent);
  }

  /** Draws a photo; only the surroundings of the face `close`, where there is one. */
  show(photo: Photo, shown: Shown, close: ShownFace | null = null): void {
    this.last = [photo, shown, close];
    const { canvas, context, parent } = this;
    const [left, top, wide, high] = close === null ? [0, 0, photo.width, photo.height] : surroundings(close);
    const fit = Math.min(parent.clientWidth / wide, parent.clientHeight / high);
    const ratio = Math.min(devicePixelRatio, 2);
    const [width, height] = [wide, high].map((side) => Math.max(1, Math.round(side * fit * ratio)));
    if (canvas.width !== width || canvas.height !== height) {
      canvas.style.width = `${wide * fit}px`;
      canvas.style.height = `${high * fit}px`;
      canvas.width = width;
      canvas.height = height;
    }
    context.resetTransform();
    context.fillStyle = "#1a1d26";
    context.fillRect(0, 0, width, height);
    const scale = width / wide;
    context.translate(-left * scale, -top * scale);
    if (photo.picture !== null) context.drawImage(photo.picture, 0, 0, photo.width * scale, photo.height * scale);
    for (const face of photo.faces) drawFace(context, face, shown, scale);
  }
}

/** The part of the picture around a face: x, y, width and height in its pixels. */
function surroundings(face: ShownFace): [number, number, number, number] {
  const side = 1.9 * faceSize(face.points);
  const [left, top] = [0, 1].map((axis) => {
    const values = face.points.map((point) => point[axis]);
    return (Math.min(...values) + Math.max(...values)) / 2 - side / 2;
  });
  return [left, top, side, side];
}
