/** How many events, and how long each, over the last ones. */

const KEPT = 30;

export class Rates {
  private readonly ends: number[] = [];
  private readonly durations: number[] = [];

  /** An event that took `duration` milliseconds and ends now. */
  add(duration: number): void {
    this.ends.push(performance.now());
    this.durations.push(duration);
    if (this.ends.length > KEPT) {
      this.ends.shift();
      this.durations.shift();
    }
  }

  /** Events a second. */
  get rate(): number {
    const count = this.ends.length;
    return count < 2 ? 0 : ((count - 1) * 1000) / (this.ends[count - 1] - this.ends[0]);
  }

  /** The median of the durations, milliseconds. */
  get duration(): number {
    const sorted = [...this.durations].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  }
}
