/** RGB bytes, row by row. */
export interface RgbImage {
  data: Uint8Array;
  width: number;
  height: number;
}

/** What the browser can draw: a picture, a frame of a video, a canvas. */
export type ImageLike = ImageBitmap | HTMLImageElement | HTMLVideoElement | HTMLCanvasElement | OffscreenCanvas | ImageData;

/** The image's pixels at its own size; alpha is dropped. */
export function toRgb(image: ImageLike): RgbImage {
  const pixels = image instanceof ImageData ? image : drawn(image);
  const { width, height, data } = pixels;
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from];
    rgb[to + 1] = data[from + 1];
    rgb[to + 2] = data[from + 2];
  }
  return { data: rgb, width, height };
}

function drawn(image: Exclude<ImageLike, ImageData>): ImageData {
  const [width, height] =
    image instanceof HTMLVideoElement
      ? [image.videoWidth, image.videoHeight]
      : image instanceof HTMLImageElement
        ? [image.naturalWidth, image.naturalHeight]
        : [image.width, image.height];
  if (!(width > 0 && height > 0)) throw new TypeError(`expected an image with pixels; got ${width} x ${height}`);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}

/** Resizes by averaging the area that each pixel covers, as OpenCV's INTER_AREA does; for reductions. */
export function resizeArea(image: RgbImage, width: number, height: number): RgbImage {
  if (width === image.width && height === image.height) return image;
  const columns = shares(image.width, width);
  const rows = shares(image.height, height);
  const between = new Float32Array(width * image.height * 3);
  for (let y = 0; y < image.height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const { first, weights } = columns[x];
      let [r, g, b] = [0, 0, 0];
      for (let i = 0, from = (y * image.width + first) * 3; i < weights.length; i += 1, from += 3) {
        r += weights[i] * image.data[from];
        g += weights[i] * image.data[from + 1];
        b += weights[i] * image.data[from + 2];
      }
      const to = (y * width + x) * 3;
      between[to] = r;
      between[to + 1] = g;
      between[to + 2] = b;
    }
  }
  const data = new Uint8Array(width * height * 3);
  const stride = width * 3;
  for (let y = 0; y < height; y += 1) {
    const { first, weights } = rows[y];
    for (let i = 0; i < stride; i += 1) {
      let sum = 0;
      for (let k = 0; k < weights.length; k += 1) sum += weights[k] * between[(first + k) * stride + i];
      data[y * stride + i] = Math.round(sum);
    }
  }
  return { data, width, height };
}

/** For each output pixel: the input pixels under it, and the share of each. */
function shares(length: number, size: number): { first: number; weights: number[] }[] {
  const scale = length / size;
  return Array.from({ length: size }, (_, place) => {
    const [low, high] = [place * scale, Math.min((place + 1) * scale, length)];
    const first = Math.min(Math.floor(low + 1e-6), length - 1);
    const last = Math.min(Math.max(Math.ceil(high - 1e-6), first + 1), length);
    const weights: number[] = [];
    for (let i = first; i < last; i += 1) weights.push((Math.min(i + 1, high) - Math.max(i, low)) / (high - low));
    return { first, weights };
  });
}

/** Averages blocks of block x block pixels; the last, partial ones are filled up with the edge pixels. */
export function blockMean(image: RgbImage, block: number): RgbImage {
  const [width, height] = [Math.ceil(image.width / block), Math.ceil(image.height / block)];
  const data = new Uint8Array(width * height * 3);
  const count = block * block;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let [r, g, b] = [0, 0, 0];
      for (let j = 0; j < block; j += 1) {
        const row = Math.min(y * block + j, image.height - 1) * image.width;
        for (let i = 0; i < block; i += 1) {
          const from = (row + Math.min(x * block + i, image.width - 1)) * 3;
          r += image.data[from];
          g += image.data[from + 1];
          b += image.data[from + 2];
        }
      }
      const to = (y * width + x) * 3;
      data[to] = Math.round(r / count);
      data[to + 1] = Math.round(g / count);
      data[to + 2] = Math.round(b / count);
    }
  }
  return { data, width, height };
}
