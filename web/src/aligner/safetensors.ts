/** The float32 tensors of a .safetensors file by name, and what it says of itself. */
export function readSafetensors(file: Uint8Array): { tensors: Record<string, Float32Array>; metadata: Record<string, string> } {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const start = 8 + length;
  const { __metadata__: metadata, ...entries } = JSON.parse(new TextDecoder().decode(file.subarray(8, start)));
  const tensors: Record<string, Float32Array> = {};
  for (const [name, { dtype, data_offsets: offsets }] of Object.entries(entries as Record<string, { dtype: string; data_offsets: [number, number] }>)) {
    if (dtype !== "F32") throw new Error(`expected float32 tensors; ${name} is ${dtype}`);
    // Copied, for the data need not lie at a multiple of 4 bytes.
    tensors[name] = new Float32Array(file.slice(start + offsets[0], start + offsets[1]).buffer);
  }
  return { tensors, metadata };
}
