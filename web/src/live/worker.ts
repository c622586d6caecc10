/** Aligns photos and frames beside the page, which goes on drawing meanwhile. */

import { FaceAligner3D, type LoadOptions } from "../aligner/aligner";
import type { Provider } from "../aligner/runtime";
import { FaceTracker, type TrackedFace } from "../aligner/tracker";

/** What the page asks: the faces of a photo, or of the next frame of a camera, whose first one is `fresh`. */
export type Request =
  | { kind: "photo"; image: ImageBitmap }
  | { kind: "frame"; image: ImageBitmap; time: number; fresh: boolean };

/** What it is told: once that the networks are there, then the faces of each image, with the image. */
export type Reply =
  | { kind: "ready"; provider: string; weights: string; available: readonly string[]; detector: string; blendshapes: readonly string[] }
  | { kind: "faces"; image: ImageBitmap; faces: TrackedFace[]; took: number }
  | { kind: "error"; message: string };

const worker = self as unknown as {
  postMessage(reply: Reply, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
};

async function start(): Promise<void> {
  // The page's choice of weights; ?detector=mtcnn&provider=wasm&threads=2 are for measuring.
  const asked = new URLSearchParams(location.search);
  const [provider, threads] = [asked.get("provider") ?? "auto", asked.get("threads")];
  const aligner = await FaceAligner3D.load({
    blendshapes: true,
    weights: asked.get("weights") ?? undefined,
    detector: (asked.get("detector") ?? undefined) as LoadOptions["detector"],
    provider: provider as Provider,
    threads: threads === null ? undefined : Number(threads),
  });
  let tracker = new FaceTracker(aligner);

  async function facesOf(request: Request): Promise<TrackedFace[]> {
    if (request.kind === "photo") return (await aligner.align(request.image)).map((face, id) => ({ ...face, id }));
    if (request.fresh) tracker = new FaceTracker(aligner);
    return tracker.track(request.image, request.time);
  }

  worker.onmessage = async ({ data }) => {
    const began = performance.now();
    try {
      const faces = await facesOf(data);
      const reply: Reply = { kind: "faces", image: data.image, faces, took: performance.now() - began };
      worker.postMessage(reply, [data.image]);
    } catch (error) {
      worker.postMessage({ kind: "error", message: (error as Error).message });
    }
  };
  const { provider: runtime, weights, availableWeights: available, detectorName: detector, blendshapeNames } = aligner;
  worker.postMessage({ kind: "ready", provider: runtime, weights, available, detector, blendshapes: blendshapeNames });
}

start().catch((error: Error) => worker.postMessage({ kind: "error", message: error.message }));
