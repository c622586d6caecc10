// node screenshot.mjs CHROMIUM PICTURE PAGE: the page of face-alignment-3d view, turned a little, with the axes.
// node screenshot.mjs CHROMIUM PICTURE DIST PHOTO: the same of the page that needs no server, with a photo.
import { pathToFileURL } from "node:url";
import { withPage } from "./browser.mjs";
import { serve } from "./server.mjs";

const [executable, picture, source, photo] = process.argv.slice(2);
const server = photo === undefined ? null : await serve([source]);
try {
  const { complaints } = await withPage({ executable, offline: server === null, size: { width: 1280, height: 640 } }, async (page) => {
    await page.goto(server === null ? pathToFileURL(source).href : `${server.address}/`);
    if (server !== null) {
      const state = (name) => page.waitForFunction((n) => document.body.dataset.state === n, name);
      await state("ready");
      await page.locator("#file").setInputFiles(photo);
      await state("photo");
      // The time that it took says nothing about anybody's machine.
      await page.locator("#status").evaluate((status) => (status.textContent = status.textContent.replace(/ in .*/, "")));
      await page.locator("#close").click();
    }
    await page.locator("#axes").click();
    const box = await page.locator("#space").boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2 - 75, box.y + box.height / 2 + 20, { steps: 4 });
    await page.mouse.up();
    await page.mouse.move(2, 2);
    await page.waitForTimeout(500);
    await page.screenshot({ path: picture });
    return {};
  });
  if (complaints.length > 0) throw new Error(complaints.join("\n"));
} finally {
  server?.close();
}
