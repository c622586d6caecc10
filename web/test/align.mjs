// node align.mjs CHROMIUM DIST FOLDER PROVIDER [THREADS]: aligns the photos of FOLDER/photos.json; prints the faces as JSON.
import { readFile } from "node:fs/promises";
import { withPage } from "./browser.mjs";
import { serve } from "./server.mjs";

const [executable, dist, folder, provider, threads] = process.argv.slice(2);
const photos = JSON.parse(await readFile(`${folder}/photos.json`, "utf8"));
const server = await serve([dist, folder]);
const flags = ["--enable-features=Vulkan,WebAssemblyExperimentalJSPI", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
const args = provider === "webgpu" ? flags : [];
try {
  const seen = await withPage({ executable, args, offline: false }, async (page) => {
    await page.goto(`${server.address}/blank.html`);
    return page.evaluate(
      async ({ photos, provider, threads }) => {
        const { FaceAligner3D, FaceTracker, NAMES, boxAround } = await import("/face-aligner-3d.js");
        const began = performance.now();
        const aligner = await FaceAligner3D.load({ provider, threads, blendshapes: true });
        const loaded = performance.now() - began;
        const results = [];
        for (const { file, boxes } of photos) {
          const image = await createImageBitmap(await (await fetch(file)).blob());
          results.push({ given: boxes.length ? await aligner.align(image, { boxes }) : [], found: await aligner.align(image) });
        }
        const image = await createImageBitmap(await (await fetch(photos[0].file)).blob());
        const times = [];
        let boxes = photos[0].boxes;
        for (let i = 0; boxes.length > 0 && i < 40; i += 1) {
          const start = performance.now();
          const [face] = await aligner.align(image, { boxes });
          boxes = [boxAround(face.landmarks)];
          times.push(performance.now() - start);
        }
        const tracker = new FaceTracker(aligner);
        const moved = new OffscreenCanvas(image.width, image.height);
        moved.getContext("2d").drawImage(image, 40, 0);
        const tracked = [await tracker.track(image, 0), await tracker.track(moved, 40), await tracker.track(new ImageData(640, 640), 80)];
        const errors = [];
        for (const bad of [() => aligner.align(image, { boxes: [[1, 2, 0, 3]] }), () => aligner.align(new ImageData(1, 1), { boxes: [[0, 0, NaN, 1]] })]) {
          errors.push(await bad().then(() => null, (error) => `${error.name}: ${error.message}`));
        }
        return { results, names: NAMES, provider: aligner.provider, loaded, times, tracked,
          threads: crossOriginIsolated ? navigator.hardwareConcurrency : 1, errors };
      },
      { photos, provider, threads: threads === undefined ? undefined : Number(threads) },
    );
  });
  console.log(JSON.stringify(seen));
} finally {
  server.close();
}
