// Opens headless Chromium without a network and collects whatever a page complains about.
import { chromium } from "playwright-core";

export async function withPage({ executable, args = [], size = { width: 1400, height: 800 }, offline = true }, use) {
  const browser = await chromium.launch({
    executablePath: executable,
    args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", ...args],
  });
  try {
    const context = await browser.newContext({ viewport: size, offline, permissions: ["camera"] });
    // Machines that are busy with something else take their time.
    context.setDefaultTimeout(600000);
    const page = await context.newPage();
    const complaints = [];
    const requests = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !/GPU stall due to ReadPixels|No available adapters/.test(message.text())) {
        complaints.push(`${message.type()}: ${message.text()}`);
      }
    });
    page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
    page.on("request", (request) => /^https?:/.test(request.url()) && requests.push(request.url()));
    const result = await use(page);
    return { ...result, complaints, requests };
  } finally {
    await browser.close();
  }
}
