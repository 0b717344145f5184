/** Law 10: a stable part of the window for each instance, so that a fleet never moves at once. */
export function splayOffset(hash: string, windowMs: number): number {
  return windowMs === 0 ? 0 : Number.parseInt(hash.slice(0, 12), 16) % windowMs;
}
