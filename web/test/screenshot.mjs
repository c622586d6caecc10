// node screenshot.mjs CHROMIUM PAGE PICTURE: the page of face-alignment-3d view, turned a little, with the axes.
import { pathToFileURL } from "node:url";
import { withPage } from "./browser.mjs";

const [executable, file, picture] = process.argv.slice(2);

const { complaints } = await withPage({ executable, size: { width: 1280, height: 640 } }, async (page) => {
  await page.goto(pathToFileURL(file).href);
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
