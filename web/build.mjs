// npm run build [-- WEIGHTS... | --keep-models | --viewer FILE | --serve FILE]
//
// Builds the pages of the Python package's `view` and `serve`, and in dist/ the page and the module for browsers with the networks of
// WEIGHTS, of which the first is the default: names in the manifest or .safetensors files; "nano lite" when left out. $PYTHON has the
// package installed.
// --keep-models leaves the networks that are in dist/; --viewer and --serve build one page alone, into FILE.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { gzipSync } from "node:zlib";

const options = { bundle: true, minify: true, target: "es2022", legalComments: "eof", logLevel: "warning" };
const keepsModels = process.argv[2] === "--keep-models";
const weights = process.argv.length > 2 ? process.argv.slice(2) : ["nano", "lite"];
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;

/** A page of src/`folder` in one file; its policy may name its script and its style by their hashes. */
async function buildPage(folder, style, target) {
  const bundle = async (entry) => {
    const built = await build({ ...options, entryPoints: [entry], format: entry.endsWith(".ts") ? "iife" : undefined, write: false });
    return built.outputFiles[0].text.trim();
  };
  const parts = { SCRIPT: await bundle(`src/${folder}/main.ts`), STYLE: await bundle(style) };
  let page = await readFile(`src/${folder}/page.html`, "utf8");
  for (const [name, text] of Object.entries(parts)) {
    const hash = `sha256-${createHash("sha256").update(text).digest("base64")}`;
    page = page.replace(`/*${name}_HASH*/`, hash).replace(`/*${name}*/`, () => text);
  }
  await writeFile(target, page);
  console.log(`${target}: ${megabytes(page.length)}`);
}

const buildViewer = (target) => buildPage("viewer", "src/view/style.css", target);
const buildServePage = (target) => buildPage("serve", "src/serve/style.css", target);

async function buildSite(folder) {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    if (!(keepsModels && name === "models")) await rm(`${folder}/${name}`, { recursive: true });
  }
  await mkdir(`${folder}/runtime`);
  if (!keepsModels) {
    const python = process.env.PYTHON ?? "python3";
    execFileSync(python, ["export_models.py", `${folder}/models`, ...weights], { stdio: "inherit" });
  }
  await build({
    ...options,
    entryPoints: { "face-aligner-3d": "src/index.ts", live: "src/live/main.ts", worker: "src/live/worker.ts", style: "src/view/style.css" },
    outdir: folder,
    format: "esm",
    splitting: true,
    conditions: ["onnxruntime-web-use-extern-wasm"],
  });
  const declarations = ["tsc", "--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", "src", "--outDir", `${folder}/types`];
  execFileSync("npx", declarations, { stdio: "inherit" });
  const runtime = path.dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));
  for (const name of ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.jspi"]) {
    await cp(`${runtime}/${name}.mjs`, `${folder}/runtime/${name}.mjs`);
    const packed = gzipSync(await readFile(`${runtime}/${name}.wasm`), { level: 9 });
    await writeFile(`${folder}/runtime/${name}.bin`, packed);
  }
  await cp("src/live/index.html", `${folder}/index.html`);
  const files = await filesIn(folder);
  const { cascades, detectors } = JSON.parse(await readFile(`${folder}/models/models.json`, "utf8"));
  const others = [...cascades.slice(1), ...detectors.slice(1)].flatMap((entry) => entry.file ?? Object.values(entry.files));
  const isLeftForLater = (file) => file.includes("jspi") || others.includes(path.basename(file));
  const kept = files.filter((file) => !file.startsWith("types/"));
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(await readFile(`${folder}/${file}`));
  await build({
    ...options,
    entryPoints: ["src/live/service-worker.ts"],
    outfile: `${folder}/service-worker.js`,
    define: {
      VERSION: JSON.stringify(hash.digest("hex").slice(0, 16)),
      FILES: JSON.stringify(["./", ...kept.filter((file) => !isLeftForLater(file))]),
      LATER: JSON.stringify(kept.filter(isLeftForLater)),
    },
  });
  let total = 0;
  for (const file of await filesIn(folder)) total += (await stat(`${folder}/${file}`)).size;
  console.log(`${folder}: ${megabytes(total)}`);
}

async function filesIn(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name))).sort();
}

if (process.argv[2] === "--viewer") {
  await buildViewer(process.argv[3]);
} else if (process.argv[2] === "--serve") {
  await buildServePage(process.argv[3]);
} else {
  await buildViewer("../face_alignment_3d/view/page.html");
  await buildServePage("../face_alignment_3d/serve/page.html");
  await buildSite("dist");
}
