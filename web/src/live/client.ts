import type { Reply, Request } from "./worker";

type Of<Kind> = Extract<Reply, { kind: Kind }>;

/** The worker that aligns, as the page sees it. Requests are answered in their order. */
export class AlignerWorker {
  private readonly waiting: { resolve(reply: Reply): void; reject(error: Error): void }[] = [];
  /** Why it answers no more. */
  private ended: string | null = null;

  private constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      const { resolve, reject } = this.waiting.shift()!;
      if (data.kind === "error") reject(new Error(data.message));
      else resolve(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.refuse(event.message || "the worker cannot be loaded");
    };
  }

  /** Starts the worker, with what the page's address says and these weights, and waits for the networks. */
  static async open(weights: string | null): Promise<{ aligner: AlignerWorker; ready: Of<"ready"> }> {
    const address = new URL("worker.js", import.meta.url);
    address.search = location.search;
    if (weights !== null) address.searchParams.set("weights", weights);
    const aligner = new AlignerWorker(new Worker(address, { type: "module" }));
    try {
      return { aligner, ready: (await aligner.reply()) as Of<"ready"> };
    } catch (error) {
      aligner.close();
      throw error;
    }
  }

  /** The faces of an image, which is given away and comes back with them. */
  ask(request: Request): Promise<Of<"faces">> {
    this.worker.postMessage(request, [request.image]);
    return this.reply() as Promise<Of<"faces">>;
  }

  /** Ends the worker; what it was asked is refused. */
  close(): void {
    this.worker.terminate();
    this.refuse("the networks were closed");
  }

  private refuse(message: string): void {
    this.ended = message;
    for (const { reject } of this.waiting.splice(0)) reject(new Error(message));
  }

  private reply(): Promise<Reply> {
    if (this.ended !== null) return Promise.reject(new Error(this.ended));
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
}
