import type * as Ort from "onnxruntime-web/wasm";

/** ONNX Runtime, ready to open graphs. */
export interface Runtime {
  ort: typeof Ort;
  /** "webgpu" or "wasm". */
  provider: "webgpu" | "wasm";
}

/** Which runtime to use: WebGPU only where the browser has it and can wait for it inside WebAssembly. */
export type Provider = "auto" | "wasm" | "webgpu";

/** Starts ONNX Runtime from the files at `base`. Throws where WebGPU is asked for and is not there. */
export async function startRuntime(base: URL, wanted: Provider, threads?: number): Promise<Runtime> {
  const gpu = wanted !== "wasm" && (await hasWebGpu(wanted === "webgpu"));
  if (wanted === "webgpu" && !gpu) throw new Error("expected a browser with WebGPU and JSPI; use provider 'wasm'");
  const ort = (gpu ? await import("onnxruntime-web/jspi") : await import("onnxruntime-web/wasm")) as typeof Ort;
  const build = gpu ? "ort-wasm-simd-threaded.jspi" : "ort-wasm-simd-threaded";
  ort.env.wasm.wasmPaths = { mjs: new URL(`runtime/${build}.mjs`, base).href };
  ort.env.wasm.wasmBinary = await unpacked(new URL(`runtime/${build}.bin`, base));
  // Threads need shared memory, which pages have only when their server isolates them.
  // One core is left to the page itself: threads wait for each other, so the slowest one counts.
  const most = globalThis.crossOriginIsolated ? Math.max(1, Math.min(navigator.hardwareConcurrency - 1, 4)) : 1;
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? (threads ?? most) : 1;
  return { ort, provider: gpu ? "webgpu" : "wasm" };
}

/** `anyAdapter` takes a GPU that is imitated in software, too, which is slower than WebAssembly. */
async function hasWebGpu(anyAdapter: boolean): Promise<boolean> {
  if (!("gpu" in navigator) || !("Suspending" in WebAssembly)) return false;
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  return adapter !== null && (anyAdapter || !adapter.info?.isFallbackAdapter);
}

/** Bytes of a file that was packed with gzip; servers may have unpacked it. */
async function unpacked(address: URL): Promise<ArrayBuffer> {
  const bytes = await fetched(address);
  const [first, second] = new Uint8Array(bytes, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return bytes;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Bytes of a file; throws an Error that names it where it cannot be had. */
export async function fetched(address: URL): Promise<ArrayBuffer> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address.href} cannot be had: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}
