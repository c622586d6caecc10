// node align.mjs CHROMIUM DIST FOLDER PROVIDER: aligns the photos of FOLDER/task.json with each of its aligners; prints JSON.
import { readFile } from "node:fs/promises";
import { withPage } from "./browser.mjs";
import { serve } from "./server.mjs";

const [executable, dist, folder, provider] = process.argv.slice(2);
const { photos, aligners } = JSON.parse(await readFile(`${folder}/task.json`, "utf8"));
const server = await serve([dist, folder]);
const flags = ["--enable-features=Vulkan,WebAssemblyExperimentalJSPI", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
const args = provider === "webgpu" ? flags : [];
try {
  const seen = await withPage({ executable, args, offline: false }, async (page) => {
    await page.goto(`${server.address}/blank.html`);
    return page.evaluate(
      async ({ photos, aligners, provider }) => {
        const { FaceAligner3D, FaceTracker, NAMES } = await import("/face-aligner-3d.js");
        const bitmap = async (file) => createImageBitmap(await (await fetch(file)).blob());
        const results = [];
        for (const { weights, detector } of aligners) {
          const aligner = await FaceAligner3D.load({ weights, detector, provider, blendshapes: true });
          const of = [];
          for (const { file, boxes } of photos) {
            const image = await bitmap(file);
            of.push({ given: await aligner.align(image, { boxes }), found: await aligner.align(image), candidates: await aligner.detect(image) });
          }
          results.push({ weights: aligner.weights, detector: aligner.detectorName, photos: of });
          await aligner.release();
        }
        const aligner = await FaceAligner3D.load({ ...aligners[0], provider });
        const image = await bitmap(photos[0].file);
        const tracker = new FaceTracker(aligner);
        const moved = new OffscreenCanvas(image.width, image.height);
        moved.getContext("2d").drawImage(image, 40, 0);
        const tracked = [await tracker.track(image, 0), await tracker.track(moved, 40), await tracker.track(new ImageData(640, 640), 80)];
        const errors = [];
        const unknown = [() => FaceAligner3D.load({ weights: "none", provider }), () => FaceAligner3D.load({ detector: "none", provider })];
        for (const bad of [() => aligner.align(image, { boxes: [[1, 2, 0, 3]] }), () => aligner.align(new ImageData(1, 1), { boxes: [[0, 0, NaN, 1]] }), ...unknown]) {
          errors.push(await bad().then(() => null, (error) => `${error.name}: ${error.message}`));
        }
        return { results, names: NAMES, provider: aligner.provider, available: aligner.availableWeights, tracked, errors };
      },
      { photos, aligners, provider },
    );
  });
  console.log(JSON.stringify(seen));
} finally {
  server.close();
}
