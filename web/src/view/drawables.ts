import { BufferAttribute, BufferGeometry, CanvasTexture, Points, PointsMaterial, type InterleavedBufferAttribute } from "three";
import { LineMaterial } from "three/examples/jsm/lines/LineMaterial.js";
import { LineSegments2 } from "three/examples/jsm/lines/LineSegments2.js";
import { LineSegmentsGeometry } from "three/examples/jsm/lines/LineSegmentsGeometry.js";

/** Lines whose places and colors change from frame to frame, in the memory that they have. */
export class Lines extends LineSegments2 {
  private readonly buffers: { array: Float32Array; needsUpdate: boolean }[];

  /** So many lines, `width` pixels wide. */
  constructor(count: number, width: number) {
    const geometry = new LineSegmentsGeometry().setPositions(new Float32Array(6 * count)).setColors(new Float32Array(6 * count));
    super(geometry, new LineMaterial({ linewidth: width, vertexColors: true }));
    this.frustumCulled = false;
    this.buffers = ["instanceStart", "instanceColorStart"].map(
      (name) => (geometry.getAttribute(name) as InterleavedBufferAttribute).data as unknown as { array: Float32Array; needsUpdate: boolean },
    );
  }

  /** Shows them: start and stop of each, x, y, z, and the colors there. */
  set(places: number[], colors: number[]): void {
    this.visible = true;
    [places, colors].forEach((values, index) => {
      this.buffers[index].array.set(values);
      this.buffers[index].needsUpdate = true;
    });
  }
}

/** Points whose number, places and colors change from frame to frame, in the memory that they have. */
export class Dots extends Points<BufferGeometry, PointsMaterial> {
  private readonly buffers: BufferAttribute[];

  /** At most so many points, `size` pixels wide. */
  constructor(most: number, size: number, map: CanvasTexture) {
    const geometry = new BufferGeometry();
    super(geometry, new PointsMaterial({ size, sizeAttenuation: false, vertexColors: true, map, alphaTest: 0.4 }));
    this.frustumCulled = false;
    this.buffers = ["position", "color"].map((name) => {
      const buffer = new BufferAttribute(new Float32Array(3 * most), 3);
      geometry.setAttribute(name, buffer);
      return buffer;
    });
  }

  /** Shows these: x, y, z of each, and its color. */
  set(places: number[], colors: number[]): void {
    this.visible = places.length > 0;
    this.geometry.setDrawRange(0, places.length / 3);
    [places, colors].forEach((values, index) => {
      (this.buffers[index].array as Float32Array).set(values);
      this.buffers[index].needsUpdate = true;
    });
  }
}

/** A white disk or ring, for points. */
export function sprite(hollow: boolean): CanvasTexture {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const context = canvas.getContext("2d")!;
  context.beginPath();
  context.arc(32, 32, hollow ? 23 : 30, 0, 2 * Math.PI);
  context.fillStyle = context.strokeStyle = "white";
  context.lineWidth = 14;
  if (hollow) context.stroke();
  else context.fill();
  return new CanvasTexture(canvas);
}
