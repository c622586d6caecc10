import type { Point } from "../markup";
import { readSafetensors } from "./safetensors";

const UPPER_LID = [37, 38];
const LOWER_LID = [41, 40];
const CORNERS = [36, 39];
const LOOKED_AT = [17, 18, 19, 20, 21, 36, 37, 38, 39, 40, 41];
const LAYERS = 3;

/** Reads ARKit's blendshapes from landmarks (face_alignment_3d/blendshapes); never changes. */
export class BlendshapeEstimator {
  /** ARKit's names of those that 66 points tell, in ARKit's order. */
  readonly names: string[];
  private readonly tensors: Record<string, Float32Array>;
  /** Which blendshape is which on the mirrored face. */
  private readonly counterpart: number[];

  /** `file` is the content of a weight file; `mirror` the 66 indices of the points of a mirrored face. */
  constructor(file: Uint8Array, private readonly mirror: number[]) {
    const { tensors, metadata } = readSafetensors(file);
    this.tensors = tensors;
    this.names = metadata.blendshapes.split(",");
    const other = (name: string) => name.replace(/(Left|Right)$/, (side) => (side === "Left" ? "Right" : "Left"));
    this.counterpart = this.names.map((name) => this.names.indexOf(other(name)));
  }

  /** Name -> value in [0, 1], of 66 points in the canonical frame. */
  estimate(canonical: Point[]): Record<string, number> {
    const offset = this.tensors["reading.offset"];
    const straight = this.withRightLid(canonical);
    const points = this.mirrored(this.withRightLid(this.mirrored(straight))).map(
      (point, i) => point.map((value, axis) => value - offset[3 * i + axis]) as Point,
    );
    const own = this.forward(points);
    const other = this.forward(this.mirrored(points));
    return Object.fromEntries(
      this.names.map((name, i) => [name, Math.min(Math.max((own[i] + other[this.counterpart[i]]) / 2, 0), 1)]),
    );
  }

  private mirrored(points: Point[]): Point[] {
    return this.mirror.map((index): Point => [-points[index][0], points[index][1], points[index][2]]);
  }

  /** The network follows lids only part of the way: the right eye's upper lid put where all around says. */
  private withRightLid(points: Point[]): Point[] {
    const weights = this.tensors["reading.lid_weight"];
    const told = LOOKED_AT.flatMap((index) => points[index]).reduce((sum, value, i) => sum + value * weights[i], 0);
    const gap = Math.max(told + this.tensors["reading.lid_bias"][0], 0);
    const apart = (a: number, b: number) => Math.hypot(...points[a].map((value, axis) => value - points[b][axis]));
    const width = apart(CORNERS[0], CORNERS[1]);
    const open = UPPER_LID.reduce((sum, lid, i) => sum + apart(lid, LOWER_LID[i]), 0) / UPPER_LID.length / width;
    return points.map((point, index) =>
      UPPER_LID.includes(index) ? [point[0], point[1] - (gap - open) * width, point[2]] : point,
    );
  }

  private forward(points: Point[]): Float64Array {
    const { mean, spread } = this.tensors;
    let values = Float64Array.from(points.flat(), (value, i) => (value - mean[i]) / spread[i]);
    for (let layer = 0; layer < LAYERS; layer += 1) {
      const weight = this.tensors[`layers.${layer}.weight`];
      const inputs = layer === 0 ? values : values.map((value) => value / (1 + Math.exp(-value)));
      values = Float64Array.from(this.tensors[`layers.${layer}.bias`], (bias, row) => {
        let sum = bias;
        for (let i = 0, at = row * inputs.length; i < inputs.length; i += 1, at += 1) sum += weight[at] * inputs[i];
        return sum;
      });
    }
    return values;
  }
}
