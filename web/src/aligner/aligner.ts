import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import type { Point } from "../markup";
import { Crop, type Box } from "./crop";
import { detect, type Detection } from "./detector";
import { toRgb, type ImageLike, type RgbImage } from "./image";
import { fetched, startRuntime, type Provider, type Runtime } from "./runtime";
import type { Judgement, Networks } from "./search";

/** One face. Coordinates are image pixels; (0, 0) is the center of the top-left pixel. */
export interface Face {
  /** 66 rows x, y, z: x right, y down, z away from the camera, with zero mean over the points. */
  landmarks: Point[];
  /** 66 in [0, 1]. */
  confidence: number[];
  /** 66 in [0, 1], the probability that the point can be seen; null for weights that do not tell. */
  visibility: number[] | null;
  /** The box that the landmarks were computed from. */
  box: Box;
  /** The detector's score in [0, 1]; null when the box was the caller's. */
  score: number | null;
  /** How far the head leaned when it was cropped: radians, clockwise on screen. */
  roll: number;
}

export interface LoadOptions {
  /** Folder of the library's files; by default that of this module. */
  base?: string | URL;
  /** "auto" is WebGPU where the browser has it, else WebAssembly. */
  provider?: Provider;
  /** Threads of WebAssembly; by default one for each core but one, up to 4. Pages that are not isolated have one. */
  threads?: number;
}

export interface AlignOptions {
  /** x0, y0, x1, y1 of each face, tight from the brows to the chin and from jaw to jaw; the detector's when left out. */
  boxes?: Box[];
  /** Of each of `boxes`, how far its head leans: radians, clockwise on screen. */
  rolls?: number[];
}

interface ModelInfo {
  preset: string;
  input_size: number;
  crop_scale: number;
}

/** Finds faces and their 66 landmarks in three dimensions, in the browser alone. */
export class FaceAligner3D {
  private readonly networks: Networks;

  private constructor(
    private readonly runtime: Runtime,
    private readonly cascade: InferenceSession,
    private readonly stages: InferenceSession[],
    private readonly info: ModelInfo,
  ) {
    this.networks = detectorNetworks(runtime, stages);
  }

  /** Loads the networks. Rejects where a file cannot be had or the browser has no WebAssembly SIMD. */
  static async load({ base = new URL("./", import.meta.url), provider = "auto", threads }: LoadOptions = {}): Promise<FaceAligner3D> {
    const root = new URL(base, globalThis.location?.href);
    const runtime = await startRuntime(root, provider, threads);
    const file = async (name: string) => new Uint8Array(await fetched(new URL(`models/${name}`, root)));
    const open = async (name: string, providers: string[]) =>
      runtime.ort.InferenceSession.create(await file(name), { executionProviders: providers, logSeverityLevel: 3 });
    const info = JSON.parse(new TextDecoder().decode(await file("models.json"))) as ModelInfo;
    // The detector's inputs change their size all the time, which a GPU would compile anew for.
    const cascade = await open("cascade.onnx", runtime.provider === "webgpu" ? ["webgpu", "wasm"] : ["wasm"]);
    const stages: InferenceSession[] = [];
    for (const stage of ["proposal", "refinement", "output"]) stages.push(await open(`mtcnn-${stage}.onnx`, ["wasm"]));
    return new FaceAligner3D(runtime, cascade, stages, info);
  }

  /** "webgpu" or "wasm". */
  get provider(): string {
    return this.runtime.provider;
  }

  /** The name of the weights, such as "lite". */
  get preset(): string {
    return this.info.preset;
  }

  /** The boxes of the faces in an image, surest first. */
  async detect(image: ImageLike): Promise<Detection[]> {
    return detect(this.networks, toRgb(image));
  }

  /**
   * The faces of an image: in the order of `boxes`, else by the area of their box, largest first; an empty list when
   * there is none. Calls must not overlap: await one before the next. Throws a TypeError for what is no image or no box.
   */
  async align(image: ImageLike, { boxes, rolls }: AlignOptions = {}): Promise<Face[]> {
    const pixels = toRgb(image);
    const found = boxes === undefined ? await this.largestFirst(pixels) : given(boxes, rolls);
    return found.length === 0 ? [] : this.landmarksIn(pixels, found);
  }

  /** Frees the networks' memory. */
  async release(): Promise<void> {
    for (const session of [this.cascade, ...this.stages]) await session.release();
  }

  private async largestFirst(image: RgbImage): Promise<Detection[]> {
    const area = ({ box: [x0, y0, x1, y1] }: Detection) => (x1 - x0) * (y1 - y0);
    return (await detect(this.networks, image)).sort((a, b) => area(b) - area(a));
  }

  private async landmarksIn(
    image: RgbImage,
    found: { box: Box; score: number | null; roll: number }[],
  ): Promise<Face[]> {
    const { input_size: size, crop_scale: scale } = this.info;
    const crops = found.map(({ box, roll }) => Crop.around(box, size, scale, roll));
    const each = size * size * 3;
    const bytes = new Uint8Array(crops.length * each);
    crops.forEach((crop, index) => bytes.set(crop.sample(image), index * each));
    const input = new this.runtime.ort.Tensor("uint8", bytes, [crops.length, size, size, 3]);
    const outputs = await this.cascade.run({ crops: input });
    const [points, z, confidence, visibility] = ["points", "z", "confidence", "visibility"].map(
      (name) => (outputs[name] as Tensor | undefined)?.data as Float32Array | undefined,
    );
    const count = z!.length / crops.length;
    return found.map(({ box, score, roll }, index) => {
      const start = index * count;
      const values = (all: Float32Array) => Array.from(all.subarray(start, start + count));
      const landmarks = Array.from({ length: count }, (_, place): Point => {
        const at = 2 * (start + place);
        return [...crops[index].toImage(points![at], points![at + 1]), z![start + place] * crops[index].scale];
      });
      return {
        landmarks,
        confidence: values(confidence!),
        visibility: visibility === undefined ? null : values(visibility),
        box,
        score,
        roll,
      };
    });
  }
}

/** The reference box of landmarks: what a tracker gives back as `boxes` for the next frame. */
export function boxAround(landmarks: readonly Point[]): Box {
  const range = (axis: 0 | 1) => landmarks.map((point) => point[axis]);
  const [x, y] = [range(0), range(1)];
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

function given(boxes: Box[], rolls: number[] = []): { box: Box; score: null; roll: number }[] {
  return boxes.map((box, index) => {
    const sound = box.length === 4 && box.every(Number.isFinite) && box[2] > box[0] && box[3] > box[1];
    if (!sound) throw new TypeError(`expected boxes [x0, y0, x1, y1] with x0 < x1 and y0 < y1; got [${box}]`);
    return { box, score: null, roll: rolls[index] ?? 0 };
  });
}

function detectorNetworks({ ort }: Runtime, [proposal, refinement, output]: InferenceSession[]): Networks {
  const run = async (session: InferenceSession, pixels: Tensor): Promise<Judgement & { shape: readonly number[] }> => {
    const { offsets, scores } = await session.run({ pixels });
    return { offsets: offsets.data as Float32Array, scores: scores.data as Float32Array, shape: scores.dims };
  };
  const candidates = (session: InferenceSession, size: number) => (crops: Float32Array) =>
    run(session, new ort.Tensor("float32", crops, [crops.length / (size * size * 3), size, size, 3]));
  return {
    propose: async ({ data, width, height }) => {
      const { shape, ...judgement } = await run(proposal, new ort.Tensor("uint8", data, [height, width, 3]));
      return { ...judgement, columns: shape[1] };
    },
    refine: candidates(refinement, 24),
    judge: candidates(output, 48),
  };
}
