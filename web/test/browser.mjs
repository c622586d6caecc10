// Opens headless Chromium without a network and collects whatever a page complains about.
import { chromium } from "playwright-core";

// Without a GPU: WebGL in software, and all else drawn by the CPU at once rather than by way of a GPU that is imitated.
const FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
  "--disable-gpu-rasterization", "--disable-accelerated-2d-canvas"];

export async function withPage({ executable, args = [], size = { width: 1400, height: 800 }, offline = true }, use) {
  const browser = await chromium.launch({
    executablePath: executable,
    args: [...FLAGS, ...args],
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
