import type { Reply, Request } from "./worker";

type Of<Kind> = Extract<Reply, { kind: Kind }>;

/** The worker that aligns, as the page sees it. Requests are answered in their order. */
export class AlignerWorker {
  private readonly waiting: { resolve(reply: Reply): void; reject(error: Error): void }[] = [];

  private constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const { resolve, reject } = this.waiting.shift()!;
      if (data.kind === "error") reject(new Error(data.message));
      else resolve(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.waiting.splice(0)) reject(new Error(event.message || "the worker cannot be loaded"));
    };
  }

  /** Starts the worker, with what the page's address says, and waits for the networks. */
  static async open(): Promise<{ aligner: AlignerWorker; ready: Of<"ready"> }> {
    const address = new URL("worker.js", import.meta.url);
    address.search = location.search;
    const aligner = new AlignerWorker(new Worker(address, { type: "module" }));
    return { aligner, ready: (await aligner.reply()) as Of<"ready"> };
  }

  /** The faces of an image, which is given away and comes back with them. */
  ask(request: Request): Promise<Of<"faces">> {
    this.worker.postMessage(request, [request.image]);
    return this.reply() as Promise<Of<"faces">>;
  }

  private reply(): Promise<Reply> {
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
}
