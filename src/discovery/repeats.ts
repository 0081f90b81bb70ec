/**
 * What was made of the last packet of each source. On a quiet network nearly
 * every packet says again what its sender said before, byte by byte, and to
 * decode it again would be most of what an idle daemon does.
 */

const MAX = 512; // sources, whatever is invented; the one that was heard the longest ago is forgotten first

export class Repeats<T> {
  readonly #last = new Map<string, { readonly bytes: Uint8Array; readonly value: T }>();

  /** What was made of these very bytes, if they are what this source said last. */
  get(source: string, bytes: Uint8Array): T | undefined {
    const last = this.#last.get(source);
    if (last === undefined || Buffer.compare(last.bytes, bytes) !== 0) return undefined;
    this.#last.delete(source);
    this.#last.set(source, last);
    return last.value;
  }

  set(source: string, bytes: Uint8Array, value: T): void {
    this.#last.delete(source);
    this.#last.set(source, { bytes: Uint8Array.from(bytes), value }); // the system's buffer may be larger, or used again
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= MAX) break;
      this.#last.delete(oldest);
    }
  }
}
