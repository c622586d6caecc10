import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";
import type { Point } from "../markup";
import { BlendshapeEstimator } from "./blendshapes";
import { Crop, type Box } from "./crop";
import type { Candidate, Detector } from "./detection/detector";
import { PixelReader, type ImageLike, type Pixels } from "./image";
import { certaintyOf, facesAmong, firstLooks, secondLooks } from "./judging";
import { named, openDetector, type CascadeInfo, type DetectorInfo, type ModelsInfo } from "./models";
import { canonicalPoints, poseOf, type HeadPose } from "./pose";
import { fetched, startRuntime, type Provider, type Runtime } from "./runtime";

/** One face. Coordinates are image pixels; (0, 0) is the center of the top-left pixel. */
export interface Face {
  /** 66 rows x, y, z: x right, y down, z away from the camera, with zero mean over the points. */
  landmarks: Point[];
  /** 66 in [0, 1]. */
  confidence: number[];
  /** 66 in [0, 1], the probability that the point can be seen; null for weights that do not tell. */
  visibility: number[] | null;
  /** How certain it is that this is a face, in [0, 1]: the mean confidence, and somewhat more or less for the score. */
  certainty: number;
  /** The box that the landmarks were computed from. */
  box: Box;
  /** The detector's score in [0, 1]; null when the box was the caller's. */
  score: number | null;
  /** How far the head leaned when it was cropped: radians, clockwise on screen. */
  roll: number;
  /** Rotation, scale and translation of the head; null for landmarks on a line. */
  pose: HeadPose | null;
  /** ARKit's name -> value in [0, 1]; null where they were not asked for, or without a pose. */
  blendshapes: Record<string, number> | null;
}

export interface LoadOptions {
  /** Folder of the library's files; by default that of this module. */
  base?: string | URL;
  /** The name of the weights, such as "nano" or "lite"; by default the first that the build was given. */
  weights?: string;
  /** What finds faces; by default the first in models.json. */
  detector?: "scout" | "mtcnn";
  /** "auto" is WebGPU where the browser has it, else WebAssembly. */
  provider?: Provider;
  /** Threads of WebAssembly; by default one for each core but one, up to 4. Pages that are not isolated have one. */
  threads?: number;
  /** True gives each face ARKit's blendshapes. */
  blendshapes?: boolean;
}

export interface AlignOptions {
  /** x0, y0, x1, y1 of each face, tight from the brows to the chin and from jaw to jaw; the detector's when left out. */
  boxes?: Box[];
  /** Of each of `boxes`, how far its head leans: radians, clockwise on screen. */
  rolls?: number[];
}

type Place = { box: Box; score: number | null; roll: number };

/** Faces in one run of the network, at most: bounds its memory. */
const BATCH = 8;

/** Finds faces and their 66 landmarks in three dimensions, in the browser alone; in pages and in workers. */
export class FaceAligner3D {
  private readonly reader = new PixelReader();
  /** The call before, after which the next one runs: the runtime does one thing at a time. */
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly runtime: Runtime,
    private readonly info: ModelsInfo,
    private readonly chosen: { cascade: CascadeInfo; detector: DetectorInfo },
    private readonly cascade: InferenceSession,
    private readonly detector: Detector,
    private readonly estimator: BlendshapeEstimator | null,
  ) {}

  /** Loads the networks. Rejects where a file cannot be had, for a name that is not there, and without WebAssembly SIMD. */
  static async load({ base = new URL("./", import.meta.url), weights, detector, provider = "auto", threads, blendshapes = false }: LoadOptions = {}): Promise<FaceAligner3D> {
    const root = new URL(base, globalThis.location?.href);
    const file = async (name: string) => new Uint8Array(await fetched(new URL(`models/${name}`, root)));
    const [runtime, described] = await Promise.all([startRuntime(root, provider, threads), file("models.json")]);
    const info = JSON.parse(new TextDecoder().decode(described)) as ModelsInfo;
    const chosen = { cascade: named(info.cascades, weights, "weights"), detector: named<DetectorInfo>(info.detectors, detector, "detector") };
    const open = async (name: string, providers = ["wasm"]) =>
      runtime.ort.InferenceSession.create(await file(name), { executionProviders: providers, logSeverityLevel: 3 });
    // The detector's inputs change their size all the time, which a GPU would compile anew for.
    const cascade = await open(chosen.cascade.file, runtime.provider === "webgpu" ? ["webgpu", "wasm"] : ["wasm"]);
    const finder = await openDetector(runtime, chosen.detector, open);
    const estimator = blendshapes ? new BlendshapeEstimator(await file(info.blendshapes.file), info.mirror) : null;
    return new FaceAligner3D(runtime, info, chosen, cascade, finder, estimator);
  }

  /** "webgpu" or "wasm". */
  get provider(): string {
    return this.runtime.provider;
  }

  /** The name of the weights, such as "lite". */
  get weights(): string {
    return this.chosen.cascade.name;
  }

  /** The names of the weights that can be loaded. */
  get availableWeights(): readonly string[] {
    return this.info.cascades.map(({ name }) => name);
  }

  /** "scout" or "mtcnn". */
  get detectorName(): string {
    return this.chosen.detector.name;
  }

  /** ARKit's names of the blendshapes that faces have; an empty list where they were not asked for. */
  get blendshapeNames(): readonly string[] {
    return this.estimator?.names ?? [];
  }

  /** What may be faces in an image, surest first, for {@link judge}. `anyAngle: false` looks for upright heads only. */
  async detect(image: ImageLike, { anyAngle = true } = {}): Promise<Candidate[]> {
    const pixels = this.reader.read(image);
    return this.inTurn(() => this.detector.detect(pixels, anyAngle));
  }

  /** Which of the `candidates` are faces: the network decides. Largest first. */
  async judge(image: ImageLike, candidates: Candidate[]): Promise<Face[]> {
    const pixels = this.reader.read(image);
    return this.inTurn(() => this.judged(pixels, candidates));
  }

  /**
   * The faces of an image: in the order of `boxes`, else by size, largest first; an empty list when there is none.
   * Throws a TypeError for what is no image or no box.
   */
  async align(image: ImageLike, { boxes, rolls }: AlignOptions = {}): Promise<Face[]> {
    const places = boxes === undefined ? null : given(boxes, rolls);
    const pixels = this.reader.read(image);
    return this.inTurn(async () =>
      places === null ? this.judged(pixels, await this.detector.detect(pixels, true)) : this.look(pixels, places),
    );
  }

  /** Frees the networks' memory. */
  async release(): Promise<void> {
    await this.inTurn(async () => {
      await this.cascade.release();
      await this.detector.release();
    });
  }

  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(work, work);
    this.last = result.catch(() => undefined);
    return result;
  }

  private async judged(image: Pixels, candidates: Candidate[]): Promise<Face[]> {
    const first = firstLooks(candidates);
    const faces = await this.look(image, first);
    const more = secondLooks(candidates, first, faces.map(({ confidence }) => mean(confidence)));
    const results = [...faces, ...(await this.look(image, more))].map((face) => ({
      face,
      box: boxAround(face.landmarks),
      confidence: mean(face.confidence),
      certainty: face.certainty,
    }));
    return facesAmong(results, this.info.min_confidence).map(({ face }) => face);
  }

  private async look(image: Pixels, places: Place[]): Promise<Face[]> {
    const faces: Face[] = [];
    for (let start = 0; start < places.length; start += BATCH) {
      faces.push(...(await this.landmarksIn(image, places.slice(start, start + BATCH))));
    }
    return faces;
  }

  private async landmarksIn(image: Pixels, places: Place[]): Promise<Face[]> {
    const { input_size: size, crop_scale: scale } = this.chosen.cascade;
    const crops = places.map(({ box, roll }) => Crop.around(box, size, scale, roll));
    const each = size * size * 3;
    const bytes = new Uint8Array(crops.length * each);
    crops.forEach((crop, index) => crop.sample(image, bytes, index * each));
    const outputs = await this.cascade.run({ crops: new this.runtime.ort.Tensor("uint8", bytes, [crops.length, size, size, 3]) });
    const [points, z, confidence, visibility] = ["points", "z", "confidence", "visibility"].map(
      (name) => (outputs[name] as Tensor | undefined)?.data as Float32Array | undefined,
    );
    const count = z!.length / crops.length;
    return places.map((place, index) => {
      const start = index * count;
      const values = (all: Float32Array) => Array.from(all.subarray(start, start + count));
      const landmarks = Array.from({ length: count }, (_, i): Point => {
        const at = 2 * (start + i);
        return [...crops[index].toImage(points![at], points![at + 1]), z![start + i] * crops[index].scale];
      });
      const pose = poseOf(landmarks, this.info.pose);
      return {
        landmarks,
        confidence: values(confidence!),
        visibility: visibility === undefined ? null : values(visibility),
        certainty: certaintyOf(mean(values(confidence!)), place.score),
        ...place,
        pose,
        blendshapes: pose === null || this.estimator === null ? null : this.estimator.estimate(canonicalPoints(landmarks, pose)),
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

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function given(boxes: Box[], rolls: number[] = []): Place[] {
  return boxes.map((box, index) => {
    const sound = box.length === 4 && box.every(Number.isFinite) && box[2] > box[0] && box[3] > box[1];
    if (!sound) throw new TypeError(`expected boxes [x0, y0, x1, y1] with x0 < x1 and y0 < y1; got [${box}]`);
    return { box, score: null, roll: rolls[index] ?? 0 };
  });
}
