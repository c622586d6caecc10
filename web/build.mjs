// Builds the page that `face-alignment-3d view` fills.
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";

const options = { bundle: true, minify: true, target: "es2022", legalComments: "eof", logLevel: "warning" };

async function buildViewer(target) {
  const script = await build({ ...options, entryPoints: ["src/viewer/main.ts"], format: "iife", write: false });
  const style = await build({ ...options, entryPoints: ["src/view/style.css"], write: false });
  const page = await readFile("src/viewer/page.html", "utf8");
  const filled = page
    .replace("/*STYLE*/", () => style.outputFiles[0].text.trim())
    .replace("/*SCRIPT*/", () => script.outputFiles[0].text.trim());
  await writeFile(target, filled);
  console.log(`${target}: ${(filled.length / 1e6).toFixed(2)} MB`);
}

await buildViewer("../face_alignment_3d/view/page.html");
