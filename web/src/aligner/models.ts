import type { InferenceSession } from "onnxruntime-web/wasm";
import type { Detector } from "./detection/detector";
import { Mtcnn, type MtcnnInfo } from "./detection/mtcnn";
import type { PoseReference } from "./pose";
import type { Runtime } from "./runtime";

/** models.json, which web/export_models.py writes beside the networks. */
export interface ModelsInfo {
  cascade: { file: string; name: string; preset: string; input_size: number; crop_scale: number };
  detector: MtcnnInfo;
  blendshapes: { file: string };
  min_confidence: number;
  pose: PoseReference;
  /** Indices that put the points of a mirrored face back in order. */
  mirror: number[];
}

/** The detector that models.json names. Another one is a class with the methods of {@link Detector} and a case here. */
export function openDetector(runtime: Runtime, info: ModelsInfo["detector"], open: (file: string) => Promise<InferenceSession>): Promise<Detector> {
  switch (info.kind) {
    case "mtcnn":
      return Mtcnn.load(runtime, info, open);
    default:
      throw new Error(`expected a detector of kind mtcnn in models.json; got ${(info as { kind: string }).kind}`);
  }
}
