/** 66 3D facial landmarks in the browser. */
export { boxAround, FaceAligner3D, type AlignOptions, type Face, type LoadOptions } from "./aligner/aligner";
export type { Box } from "./aligner/crop";
export type { Detection } from "./aligner/detector";
export type { ImageLike } from "./aligner/image";
export { NAMES, SEGMENTS, withCorners, type Point } from "./markup";
