// node speed.mjs CHROMIUM DIST FOLDER SECONDS QUERY: the page with a fake camera (FOLDER/camera.mjpeg); QUERY is what its address asks for,
// such as provider=wasm&weights=nano; prints JSON.
import { withPage } from "./browser.mjs";
import { serve } from "./server.mjs";

const [executable, dist, folder, seconds, query] = process.argv.slice(2);
const args = [
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
  `--use-file-for-fake-video-capture=${folder}/camera.mjpeg`,
];
const server = await serve([dist]);
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
try {
  const seen = await withPage({ executable, args, offline: false, size: { width: 1280, height: 640 } }, async (page) => {
    await page.goto(`${server.address}/?${query}`);
    await page.waitForFunction(() => document.body.dataset.state === "ready");
    await page.locator("#camera").click();
    await page.waitForFunction(() => document.body.dataset.faces === "1");
    await page.waitForTimeout(3000);
    const samples = [];
    for (let i = 0; i < 4 * seconds; i += 1) {
      await page.waitForTimeout(250);
      samples.push(await page.evaluate(() => ({ ...document.body.dataset })));
    }
    const of = (name) => median(samples.map((sample) => Number(sample[name])));
    return {
      frames_a_second: of("rate"),
      worker_ms: of("took"),
      latency_ms: of("late"),
      weights: samples[0].weights,
      detector: samples[0].detector,
      faces: [...new Set(samples.map((sample) => sample.faces))],
      cores: await page.evaluate(() => navigator.hardwareConcurrency),
      isolated: await page.evaluate(() => crossOriginIsolated),
    };
  });
  console.log(JSON.stringify(seen));
} finally {
  server.close();
}
