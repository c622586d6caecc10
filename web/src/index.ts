/** 66 3D facial landmarks in the browser. */
export { boxAround, FaceAligner3D, type AlignOptions, type Face, type LoadOptions } from "./aligner/aligner";
export type { Box } from "./aligner/crop";
export type { Candidate } from "./aligner/detection/detector";
export type { ImageLike } from "./aligner/image";
export type { HeadPose } from "./aligner/pose";
export { FaceTracker, placeOf, type TrackedFace } from "./aligner/tracker";
export { NAMES, SEGMENTS, withCorners, type Point } from "./markup";
