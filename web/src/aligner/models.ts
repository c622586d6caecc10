import type { InferenceSession } from "onnxruntime-web/wasm";
import type { Detector } from "./detection/detector";
import { Mtcnn, type MtcnnInfo } from "./detection/mtcnn";
import { Scout, type ScoutInfo } from "./detection/scout";
import type { PoseReference } from "./pose";
import type { Runtime } from "./runtime";

/** The network that finds landmarks, with one of the weights that the build was given. */
export interface CascadeInfo {
  name: string;
  file: string;
  preset: string;
  input_size: number;
  crop_scale: number;
}

export type DetectorInfo = MtcnnInfo | ScoutInfo;

/** models.json, which web/export_models.py writes beside the networks. Of each kind the first is the default. */
export interface ModelsInfo {
  cascades: CascadeInfo[];
  detectors: DetectorInfo[];
  blendshapes: { file: string };
  min_confidence: number;
  pose: PoseReference;
  /** Indices that put the points of a mirrored face back in order. */
  mirror: number[];
}

/** The entry with this name, the first where none is given. Throws an Error where there is no such entry; `what` says of what. */
export function named<Entry extends { name: string }>(entries: Entry[], name: string | undefined, what: string): Entry {
  const found = name === undefined ? entries[0] : entries.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`expected ${what} ${entries.map((entry) => entry.name).join(" or ")}; got ${name}`);
  return found;
}

/** Opens a detector. Another one is a class with the methods of {@link Detector} and a case here. */
export function openDetector(runtime: Runtime, info: DetectorInfo, open: (file: string) => Promise<InferenceSession>): Promise<Detector> {
  switch (info.name) {
    case "mtcnn":
      return Mtcnn.load(runtime, info, open);
    case "scout":
      return Scout.load(runtime, info, open);
    default:
      throw new Error(`expected a detector mtcnn or scout in models.json; got ${(info as { name: string }).name}`);
  }
}
