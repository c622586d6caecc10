// node decode_scout.mjs FILE: decodes the network's outputs in FILE as src/aligner/detection/scout-decoding.ts does; prints JSON.
import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import path from "node:path";

const source = path.join(import.meta.dirname, "../src/aligner/detection/scout-decoding.ts");
const { outputFiles } = await build({ entryPoints: [source], bundle: true, format: "esm", write: false });
const { decoded } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
const { layout, cases } = JSON.parse(await readFile(process.argv[2], "utf8"));
const results = cases.map(({ output, width, height, threshold }) => decoded(new Float32Array(output.flat()), width, height, layout, threshold));
console.log(JSON.stringify(results));
