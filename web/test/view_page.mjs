// node view_page.mjs CHROMIUM PAGE FOLDER: uses the page as a person would; prints what was seen as JSON.
import { pathToFileURL } from "node:url";
import { withPage } from "./browser.mjs";

const [executable, file, folder] = process.argv.slice(2);

const seen = await withPage({ executable, size: { width: 1000, height: 480 } }, async (page) => {
  await page.goto(pathToFileURL(file).href);
  await page.waitForFunction(() => document.body.dataset.frame !== undefined);
  const shot = async (name) => {
    await page.mouse.move(2, 2);
    await page.waitForTimeout(80);
    await page.locator("#space").screenshot({ path: `${folder}/${name}-space.png` });
    await page.locator("#photo").screenshot({ path: `${folder}/${name}-photo.png` });
  };
  await shot("start");
  for (const name of ["points", "lines", "axes", "numbers"]) {
    await page.locator(`#${name}`).click();
    await shot(`toggled-${name}`);
    await page.locator(`#${name}`).click();
  }
  await shot("again");
  const box = await page.locator("#space").boundingBox();
  const middle = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(...middle);
  await page.mouse.down();
  await page.mouse.move(middle[0] + 150, middle[1] + 30, { steps: 5 });
  await page.mouse.up();
  await shot("turned");
  await page.mouse.move(...middle);
  await page.mouse.wheel(0, -400);
  await page.waitForTimeout(150);
  await shot("zoomed");
  await page.locator("#reset").click();
  await shot("reset");
  const hovered = new Set();
  for (let y = 0.25; y < 0.85; y += 0.03) {
    for (let x = 0.25; x < 0.75; x += 0.015) {
      await page.mouse.move(box.x + x * box.width, box.y + y * box.height);
      hovered.add(await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(document.getElementById("space").dataset.hovered))))));
    }
    if (hovered.size > 3) break;
  }
  const frames = [];
  let clock = null;
  if (await page.locator("#film").isVisible()) {
    await page.locator("#play").click();
    for (let i = 0; i < 12; i += 1) {
      await page.waitForTimeout(100);
      frames.push(Number(await page.evaluate(() => document.body.dataset.frame)));
    }
    await page.waitForFunction(() => document.getElementById("play").textContent === "Play");
    frames.push(Number(await page.evaluate(() => document.body.dataset.frame)));
    await shot("ended");
    await page.locator("#time").fill("1");
    await shot("second");
    clock = await page.locator("#clock").textContent();
  }
  return {
    title: await page.locator("#title").textContent(),
    hovered: [...hovered],
    pose: await page.locator(".pose dd").allTextContents(),
    bars: await page.locator(".bar:visible").evaluateAll((rows) => Object.fromEntries(rows.map((row) => [row.dataset.name, Number(row.querySelector("b").textContent)]))),
    message: await page.locator("#message").isVisible(),
    webgl: (await page.locator("#space p").count()) === 0,
    frames,
    clock,
  };
});
console.log(JSON.stringify(seen));
