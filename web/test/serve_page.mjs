// node serve_page.mjs CHROMIUM ADDRESS FOLDER TOKEN: uses the page of a server with a token, FOLDER/camera.mjpeg as the
// camera, FOLDER/photo.png, no-photo.png and video.webm; prints what was seen as JSON.
import { withPage } from "./browser.mjs";

const [executable, address, folder, token] = process.argv.slice(2);
const args = [
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream",
  `--use-file-for-fake-video-capture=${folder}/camera.mjpeg`,
];
const seen = await withPage({ executable, args, offline: false, size: { width: 1200, height: 560 } }, async (page) => {
  const text = () => page.locator("#status").textContent();
  const data = () => page.evaluate(() => ({ ...document.body.dataset }));
  const state = async (name) => {
    const wanted = (n) => document.body.dataset.state === n;
    await page.waitForFunction(wanted, name, { timeout: 180000 }).catch(async () => {
      throw new Error(`never ${name}: ${await text()}`);
    });
    return text();
  };
  const shot = (name) => page.screenshot({ path: `${folder}/${name}.png` });
  const numbers = () => page.locator(".pose dd").allTextContents();
  page.setDefaultTimeout(180000);
  await page.goto(address);
  await state("ready");
  await page.locator("#file").setInputFiles(`${folder}/photo.png`);
  const asked = await state("error");
  await page.locator("#token").fill(token);
  await page.locator("#token").press("Enter");
  const photo = { text: await state("photo"), ...(await data()), pose: await numbers() };
  photo.bars = await page.locator(".bar:visible").count();
  await shot("photo-page");
  await page.locator("#file").setInputFiles(`${folder}/no-photo.png`);
  const error = await state("error");
  await page.locator("#file").setInputFiles(`${folder}/video.webm`);
  await state("video");
  const answers = async (more) => {
    const wanted = (await page.evaluate(() => Number(document.body.dataset.answers))) + more;
    await page.waitForFunction((n) => Number(document.body.dataset.answers) >= n, wanted);
  };
  const played = (text) => page.waitForFunction((t) => document.getElementById("play").textContent === t, text);
  await page.waitForFunction(() => Number(document.getElementById("time").value) > 100);
  await page.locator("#play").click();
  await played("Play");
  const video = { ...(await data()), pose: await numbers(), play: await page.locator("#play").textContent() };
  await page.waitForTimeout(1000);
  await page.locator("#time").fill("0");
  await answers(1);
  video.after = await text();
  await shot("video-page");
  await page.locator("#camera").click();
  await state("camera");
  await answers(3);
  const camera = { text: await text(), ...(await data()), pose: await numbers() };
  await shot("camera-page");
  // The picture in the docs: without the times of this machine.
  await page.evaluate(() => (document.getElementById("status").style.visibility = "hidden"));
  await shot("docs");
  await page.evaluate(() => (document.getElementById("status").style.visibility = ""));
  await page.locator("#mirror").click();
  await answers(4);
  const unmirrored = await numbers();
  await page.locator("#camera").click();
  await state("ready");
  return { asked, photo, error, video, camera, unmirrored, address: await page.evaluate(() => location.href) };
});
console.log(JSON.stringify(seen));
