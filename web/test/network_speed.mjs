// node network_speed.mjs CHROMIUM DIST FOLDER CALLS: milliseconds of each network alone, and of each detector on FOLDER/face.png and
// FOLDER/no-face.png, in WebAssembly with SIMD on one thread; prints JSON.
import path from "node:path";
import { withPage } from "./browser.mjs";
import { serve } from "./server.mjs";

const [executable, dist, folder, calls] = process.argv.slice(2);
const runtime = path.join(import.meta.dirname, "../node_modules/onnxruntime-web/dist");
const server = await serve([dist, folder, runtime]);
try {
  const seen = await withPage({ executable, offline: false }, async (page) => {
    await page.goto(`${server.address}/blank.html`);
    return page.evaluate(async (calls) => {
      const timed = async (calls, work) => {
        for (let i = 0; i < calls / 10; i += 1) await work();
        const times = [];
        for (let i = 0; i < calls; i += 1) {
          const start = performance.now();
          await work();
          times.push(performance.now() - start);
        }
        times.sort((a, b) => a - b);
        const at = (share) => Math.round(1000 * times[Math.floor(share * (calls - 1))]) / 1000;
        return { calls, median_ms: at(0.5), percentile_5_ms: at(0.05), percentile_95_ms: at(0.95) };
      };
      const { cascades, detectors } = await (await fetch("/models/models.json")).json();
      const ort = await import("/ort.wasm.min.mjs");
      ort.env.wasm.numThreads = 1;
      const networks = {};
      for (const { name, file, input_size: size } of cascades) {
        const graph = new Uint8Array(await (await fetch(`/models/${file}`)).arrayBuffer());
        const session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
        const bytes = Uint8Array.from({ length: size * size * 3 }, (_, i) => (i * 97) % 256);
        const crops = new ort.Tensor("uint8", bytes, [1, size, size, 3]);
        networks[name] = { input_size: size, ...(await timed(calls, () => session.run({ crops }))) };
        await session.release();
      }
      const { FaceAligner3D } = await import("/face-aligner-3d.js");
      const detection = {};
      for (const { name: detector } of detectors) {
        const aligner = await FaceAligner3D.load({ detector, provider: "wasm", threads: 1 });
        for (const picture of ["face", "no-face"]) {
          const image = await createImageBitmap(await (await fetch(`/${picture}.png`)).blob());
          const { length: candidates } = await aligner.detect(image);
          detection[`${detector}, ${picture}`] = { candidates, ...(await timed(Math.ceil(calls / 10), () => aligner.detect(image))) };
        }
        await aligner.release();
      }
      return { networks, detection };
    }, Number(calls));
  });
  console.log(JSON.stringify(seen));
} finally {
  server.close();
}
