import { openCamera, stopCamera } from "../view/page";

/** A camera whose frames are taken as fast as they can be used, each once. */
export class Camera {
  private presented = 0;
  private taken = 0;
  private waiting: (() => void) | null = null;

  private constructor(private readonly video: HTMLVideoElement) {
    const note = () => {
      this.presented += 1;
      this.waiting?.();
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  }

  /** Rejects where there is none, or the person does not allow it. */
  static async open(): Promise<Camera> {
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    video.srcObject = await openCamera();
    const camera = new Camera(video);
    await video.play();
    return camera;
  }

  /** The newest frame that was not given yet. */
  async frame(): Promise<ImageBitmap> {
    if (this.presented === this.taken) {
      await new Promise<void>((done) => (this.waiting = done));
      this.waiting = null;
    }
    this.taken = this.presented;
    return createImageBitmap(this.video);
  }

  /** Switches it off. */
  stop(): void {
    stopCamera(this.video.srcObject);
    this.video.srcObject = null;
    // Who waits for a frame gets the last one.
    this.waiting?.();
  }
}
