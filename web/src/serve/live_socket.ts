import { subprotocols } from "./access";
import type { ToldFace } from "../view/face";

/** A face in the server's answers, as in the JSON files of photos and videos (docs/exports.md). */
export type FaceRow = ToldFace & { track_id?: number };

/** A frame that the server has, and what it was made of. */
export interface SentFrame {
  picture: ImageBitmap;
  /** When it was taken, milliseconds of performance.now(). */
  taken: number;
}

export interface FacesAnswer {
  type: "faces";
  id: number;
  width: number;
  height: number;
  dropped: number;
  milliseconds: { waited: number; worked: number };
  faces: FaceRow[];
}

interface ErrorAnswer {
  type: "error";
  id: number | null;
  message: string;
}

/** Frames that may be on their way: one is worked on while the next one travels. */
const ON_THEIR_WAY = 2;
/** Milliseconds after which an answer is not waited for any more. */
const PATIENCE = 30000;

/** Frames go to the server, their faces come back. */
export class LiveSocket {
  /** Why the server closed the connection; null while it is open. */
  closed: string | null = null;
  private readonly sent = new Map<number, SentFrame>();
  private next = 0;

  private constructor(
    private readonly socket: WebSocket,
    private readonly onFaces: (answer: FacesAnswer, frame: SentFrame) => void,
    private readonly onError: (message: string) => void,
  ) {
    socket.onmessage = (event) => this.receive(JSON.parse(event.data as string) as FacesAnswer | ErrorAnswer);
    socket.onclose = (event) => {
      this.closed = event.reason || "the connection was lost";
      this.forget(Infinity);
    };
  }

  /** `onFaces` gets each answer with its frame, whose picture is then the caller's. Rejects where the server refuses. */
  static open(onFaces: (answer: FacesAnswer, frame: SentFrame) => void, onError: (message: string) => void): Promise<LiveSocket> {
    const address = new URL("live", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address, subprotocols());
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(new LiveSocket(socket, onFaces, onError));
      socket.onclose = () => reject(new Error("the server refuses the connection"));
    });
  }

  /** Whether a frame may be sent. */
  get ready(): boolean {
    for (const [id, { taken }] of this.sent) if (performance.now() - taken > PATIENCE) this.forget(id);
    return this.closed === null && this.sent.size < ON_THEIR_WAY;
  }

  /** `time` is the frame's, in seconds; it must rise, until {@link reset}. */
  send(frame: SentFrame, time: number, jpeg: Blob): void {
    const id = this.next;
    this.next = (this.next + 1) % 2 ** 32;
    const head = new DataView(new ArrayBuffer(12));
    head.setUint32(0, id, true);
    head.setFloat64(4, time, true);
    this.sent.set(id, frame);
    this.socket.send(new Blob([head.buffer, jpeg]));
  }

  /** Another video begins. */
  reset(): void {
    if (this.closed === null) this.socket.send(JSON.stringify({ type: "reset" }));
  }

  close(): void {
    this.socket.close();
    this.forget(Infinity);
  }

  private receive(answer: FacesAnswer | ErrorAnswer): void {
    const frame = answer.id === null ? undefined : this.sent.get(answer.id);
    if (answer.type === "faces" && frame !== undefined) this.sent.delete(answer.id);
    if (answer.id !== null) this.forget(answer.id);
    if (answer.type === "error") this.onError(answer.message);
    else if (frame !== undefined) this.onFaces(answer, frame);
  }

  /** Frames up to `id`: those before it were dropped. */
  private forget(id: number): void {
    for (const [sent, { picture }] of this.sent) {
      if (sent > id) continue;
      picture.close();
      this.sent.delete(sent);
    }
  }
}
