// node live_page.mjs CHROMIUM DIST FOLDER: a photo, a fake camera (FOLDER/camera.mjpeg), other weights, and no network; prints JSON.
import { withPage } from "./browser.mjs";
import { serve } from "./server.mjs";

const [executable, dist, folder] = process.argv.slice(2);
const args = [
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
  `--use-file-for-fake-video-capture=${folder}/camera.mjpeg`,
];
const server = await serve([dist]);
let closed = false;
try {
  const seen = await withPage({ executable, args, offline: false, size: { width: 1000, height: 600 } }, async (page) => {
    const state = async (name) => {
      const wanted = (n) => document.body.dataset.state === n;
      await page.waitForFunction(wanted, name).catch(async () => {
        throw new Error(`never ${name}: ${await text()}`);
      });
    };
    const text = () => page.locator("#status").textContent();
    const numbers = async () => ({
      pose: await page.locator(".pose dd").allTextContents(),
      bars: await page.locator(".bar").evaluateAll((rows) => Object.fromEntries(rows.map((row) => [row.dataset.name, Number(row.querySelector("b").textContent)]))),
    });
    const shot = (name) => page.screenshot({ path: `${folder}/${name}.png` });
    await page.goto(`${server.address}/`);
    await state("ready");
    const weights = async () => (await state("ready"), page.evaluate(() => document.body.dataset.weights));
    const ready = await text();
    const chosen = [await weights()];
    await page.locator("#file").setInputFiles(`${folder}/photo.png`);
    await state("photo");
    const photo = { text: await text(), faces: await page.evaluate(() => document.body.dataset.faces), ...(await numbers()) };
    await shot("photo-page");
    await page.locator("#file").setInputFiles(`${folder}/no-photo.png`);
    await state("error");
    const error = await text();
    await page.locator("#camera").click();
    await state("camera");
    await page.waitForTimeout(6000);
    const camera = { text: await text(), ...(await page.evaluate(() => ({ ...document.body.dataset }))), ...(await numbers()) };
    await shot("camera-page");
    await page.locator("#weights").selectOption("lite");
    await state("loading");
    await state("camera");
    camera.afterwards = await text();
    await page.locator("#camera").click();
    chosen.push(await weights());
    await page.goto(`${server.address}/?weights=nano`);
    chosen.push(await weights());
    await page.goto(`${server.address}/`);
    chosen.push(await weights());
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    server.close();
    closed = true;
    await page.reload();
    await state("ready");
    await page.locator("#file").setInputFiles(`${folder}/photo.png`);
    await state("photo");
    const offline = await page.evaluate(() => ({ ...document.body.dataset }));
    return { ready, chosen, photo, error, camera, offline, isolated: await page.evaluate(() => crossOriginIsolated), origin: server.address };
  });
  console.log(JSON.stringify(seen));
} finally {
  if (!closed) server.close();
}
