/** Pixels row by row: RGB (3 channels), or RGBA (4) whose alpha nobody reads. */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: 3 | 4;
}

/** What the browser can draw: a picture, a frame of a video, a canvas. */
export type ImageLike =
  | ImageBitmap
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | VideoFrame
  | ImageData;

/** Reads the pixels of images at their own size, all on one canvas. */
export class PixelReader {
  private readonly context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })!;

  /** Throws a TypeError for what is no image and for an image without pixels. */
  read(image: ImageLike): Pixels {
    if (image instanceof ImageData) return pixelsOf(image);
    const [width, height] = sizeOf(image);
    if (!(width > 0 && height > 0)) throw new TypeError(`expected an image with pixels; got ${width} x ${height}`);
    const { canvas } = this.context;
    // Setting the size clears the canvas: what is transparent is black, as in Python.
    canvas.width = width;
    canvas.height = height;
    this.context.drawImage(image, 0, 0);
    return pixelsOf(this.context.getImageData(0, 0, width, height));
  }
}

const pixelsOf = ({ data, width, height }: ImageData): Pixels => ({
  data: data as Uint8ClampedArray,
  width,
  height,
  channels: 4,
});

/** Width and height in pixels. Workers have no elements, so these are told by their members. */
function sizeOf(image: Exclude<ImageLike, ImageData>): [number, number] {
  if (typeof image !== "object" || image === null) throw new TypeError(`expected an image; got ${image}`);
  if ("videoWidth" in image) return [image.videoWidth, image.videoHeight];
  if ("naturalWidth" in image) return [image.naturalWidth, image.naturalHeight];
  if ("displayWidth" in image) return [image.displayWidth, image.displayHeight];
  return [image.width, image.height];
}

/** An RGB image resized by averaging the area that each pixel covers, as OpenCV's INTER_AREA does; for reductions. */
export function resizeArea(image: Pixels, width: number, height: number): Pixels {
  if (width === image.width && height === image.height) return image;
  if (width * 2 === image.width && height * 2 === image.height) return blockMean(image, 2);
  const columns = new Shares(image.width, width);
  const rows = new Shares(image.height, height);
  const stride = width * 3;
  const data = new Uint8Array(stride * height);
  const line = new Float32Array(stride);
  const sums = new Float32Array(stride);
  for (let y = 0; y < height; y += 1) {
    sums.fill(0);
    for (let k = rows.from[y]; k < rows.from[y + 1]; k += 1) {
      reduceRow(image, rows.index[k], columns, line);
      const weight = rows.weight[k];
      for (let i = 0; i < stride; i += 1) sums[i] += weight * line[i];
    }
    for (let i = 0, to = y * stride; i < stride; i += 1, to += 1) data[to] = toEven(sums[i]);
  }
  return { data, width, height, channels: 3 };
}

/** An RGB image resized by bilinear interpolation, as OpenCV's INTER_LINEAR does; half the size is the mean of 2 x 2 pixels. */
export function resizeLinear(image: Pixels, width: number, height: number): Pixels {
  if (width * 2 === image.width && height * 2 === image.height) return blockMean(image, 2);
  const { data: from, channels } = image;
  const [columns, rows] = [neighbors(image.width, width), neighbors(image.height, height)];
  const data = new Uint8Array(width * height * 3);
  let to = 0;
  for (const row of rows) {
    const [above, below] = [row.first * image.width, row.second * image.width];
    for (const column of columns) {
      for (let channel = 0; channel < 3; channel += 1, to += 1) {
        const at = (place: number) => from[place * channels + channel];
        const upper = at(above + column.first) * (1 - column.share) + at(above + column.second) * column.share;
        const lower = at(below + column.first) * (1 - column.share) + at(below + column.second) * column.share;
        data[to] = Math.round(upper * (1 - row.share) + lower * row.share);
      }
    }
  }
  return { data, width, height, channels: 3 };
}

/** For each output pixel of an axis: the two input pixels beside its center, and the share of the second. */
function neighbors(length: number, size: number): { first: number; second: number; share: number }[] {
  return Array.from({ length: size }, (_, place) => {
    const center = Math.min(Math.max(((place + 0.5) * length) / size - 0.5, 0), length - 1);
    const first = Math.floor(center);
    return { first, second: Math.min(first + 1, length - 1), share: center - first };
  });
}

function reduceRow({ data, width, channels }: Pixels, row: number, columns: Shares, line: Float32Array): void {
  const start = row * width;
  for (let x = 0, to = 0; to < line.length; x += 1, to += 3) {
    let [r, g, b] = [0, 0, 0];
    for (let k = columns.from[x]; k < columns.from[x + 1]; k += 1) {
      const at = (start + columns.index[k]) * channels;
      const weight = columns.weight[k];
      r += weight * data[at];
      g += weight * data[at + 1];
      b += weight * data[at + 2];
    }
    line[to] = r;
    line[to + 1] = g;
    line[to + 2] = b;
  }
}

/** To the nearest integer, halves to the even one; of values that are not negative. */
export function toEven(value: number): number {
  const nearest = Math.floor(value + 0.5);
  return nearest - value === 0.5 && nearest % 2 === 1 ? nearest - 1 : nearest;
}

/** For each output pixel of an axis: the input pixels under it, and the share of each. */
class Shares {
  readonly index: number[] = [];
  readonly weight: number[] = [];
  /** Where the entries of each output pixel begin, and the end of the last. */
  readonly from: number[] = [];

  constructor(length: number, size: number) {
    const scale = length / size;
    for (let place = 0; place < size; place += 1) {
      this.from.push(this.index.length);
      const [low, high] = [place * scale, Math.min((place + 1) * scale, length)];
      const first = Math.min(Math.floor(low + 1e-6), length - 1);
      const last = Math.min(Math.max(Math.ceil(high - 1e-6), first + 1), length);
      for (let i = first; i < last; i += 1) {
        this.index.push(i);
        this.weight.push((Math.min(i + 1, high) - Math.max(i, low)) / (high - low));
      }
    }
    this.from.push(this.index.length);
  }
}

/** A part of an image: its first pixel and one past its last. */
export interface Part {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** A part of an image by itself. */
export function cutOut({ data, width, channels }: Pixels, { x0, y0, x1, y1 }: Part): Pixels {
  const stride = (x1 - x0) * channels;
  const part = new Uint8Array(stride * (y1 - y0));
  for (let y = y0; y < y1; y += 1) {
    const start = (y * width + x0) * channels;
    part.set(data.subarray(start, start + stride), (y - y0) * stride);
  }
  return { data: part, width: x1 - x0, height: y1 - y0, channels };
}

/**
 * Averages blocks of block x block pixels of a part of the image; the last, partial ones are filled up with the part's
 * edge pixels.
 */
export function blockMean(image: Pixels, block: number, part: Part = { x0: 0, y0: 0, x1: image.width, y1: image.height }): Pixels {
  const { data: from, channels } = image;
  const [width, height] = [Math.ceil((part.x1 - part.x0) / block), Math.ceil((part.y1 - part.y0) / block)];
  const data = new Uint8Array(width * height * 3);
  const count = block * block;
  // OpenCV rounds halves up in blocks of 2 x 2 and to even numbers in others.
  const round = block === 2 ? Math.round : toEven;
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, to += 3) {
      let [r, g, b] = [0, 0, 0];
      for (let j = 0; j < block; j += 1) {
        const row = Math.min(part.y0 + y * block + j, part.y1 - 1) * image.width;
        for (let i = 0; i < block; i += 1) {
          const at = (row + Math.min(part.x0 + x * block + i, part.x1 - 1)) * channels;
          r += from[at];
          g += from[at + 1];
          b += from[at + 2];
        }
      }
      data[to] = round(r / count);
      data[to + 1] = round(g / count);
      data[to + 2] = round(b / count);
    }
  }
  return { data, width, height, channels: 3 };
}
