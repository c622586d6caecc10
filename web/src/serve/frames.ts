import type { LiveSocket } from "./live_socket";

/** Longer side of a frame that is sent, pixels. */
const LONGEST = 640;
const QUALITY = 0.9;

/** Resolves when `video` shows another frame, with its time in seconds. */
export function nextFrame(video: HTMLVideoElement): Promise<number> {
  return new Promise((resolve) => {
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback((_, { mediaTime }) => resolve(mediaTime));
    else requestAnimationFrame(() => resolve((video as HTMLVideoElement).currentTime));
  });
}

/** Sends what `video` shows, as a JPEG; `mirrored` turns it around before. */
export async function sendFrame(socket: LiveSocket, video: HTMLVideoElement, time: number, mirrored: boolean): Promise<void> {
  const taken = performance.now();
  const scale = Math.min(1, LONGEST / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(video.videoWidth * scale));
  canvas.height = Math.max(1, Math.round(video.videoHeight * scale));
  const context = canvas.getContext("2d", { alpha: false })!;
  if (mirrored) {
    context.translate(canvas.width, 0);
    context.scale(-1, 1);
  }
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  const picture = await createImageBitmap(canvas);
  const jpeg = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  if (jpeg !== null && socket.closed === null) socket.send({ picture, taken }, time, jpeg);
  else picture.close();
}
