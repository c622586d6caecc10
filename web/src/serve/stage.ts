import type { Shown, ShownFace } from "../view/face";
import { drawFace } from "../view/overlay";

/** A picture with its faces, as large as its place allows. */
export class Stage {
  private readonly canvas: HTMLCanvasElement;
  /** The picture alone, in its own pixels, for drawing it again. */
  private readonly picture = document.createElement("canvas");
  private faces: ShownFace[] = [];
  private shown: Shown = { points: true, lines: true, axes: false, numbers: false };

  constructor(private readonly parent: HTMLElement) {
    this.canvas = parent.querySelector("canvas")!;
    this.picture.width = this.picture.height = 0;
    new ResizeObserver(() => this.draw()).observe(parent);
  }

  /** Shows `picture`; null where the browser cannot read it, and its size is all that is known. */
  show(picture: ImageBitmap | null, width: number, height: number, faces: ShownFace[], shown: Shown): void {
    this.picture.width = width;
    this.picture.height = height;
    if (picture !== null) this.picture.getContext("2d")!.drawImage(picture, 0, 0, width, height);
    this.faces = faces;
    this.change(shown);
  }

  /** Shows more or less of the faces. */
  change(shown: Shown): void {
    this.shown = shown;
    this.draw();
  }

  private draw(): void {
    const { width, height } = this.picture;
    if (width === 0 || height === 0) return;
    const fit = Math.min(this.parent.clientWidth / width, this.parent.clientHeight / height);
    const ratio = Math.min(devicePixelRatio, 2);
    this.canvas.style.width = `${width * fit}px`;
    this.canvas.style.height = `${height * fit}px`;
    this.canvas.width = Math.max(1, Math.round(width * fit * ratio));
    this.canvas.height = Math.max(1, Math.round(height * fit * ratio));
    const context = this.canvas.getContext("2d")!;
    context.drawImage(this.picture, 0, 0, this.canvas.width, this.canvas.height);
    for (const face of this.faces) drawFace(context, face, this.shown, this.canvas.width / width);
  }
}
