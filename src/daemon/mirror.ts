/**
 * Tells a connection from this device to itself, through whatever address, from
 * one with another machine that holds the same key. The two ends of one
 * connection, and no others, export the same keying material (RFC 8446 section
 * 7.5): what we dialled and what we accepted are one when these are equal, also
 * across a router that turns us back, or somebody who passes every byte on.
 */

import type { Clock } from "../core/clock.ts";
import type { Link } from "../transfer/link.ts";

/** Says which connection it is, and nothing else: it is never used as a key. */
export type Mark = string;

const LABEL = "EXPORTER-lanxfer-self-v1";
const BYTES = 32;
/** For the other end to say something, which it does as soon as it knows who has come (milliseconds). */
const PATIENCE_MS = 1_500;
/** Connections to our own key that are remembered, the oldest go first. */
const MAX_DIALLED = 64;

interface Dialled {
  /** We are the other end, too. */
  accepted: boolean;
}

export function markOf(exporter: { exportKey(label: string, context: Uint8Array, length: number): Buffer }): Mark {
  return exporter.exportKey(LABEL, new Uint8Array(), BYTES).toString("base64");
}

export class Mirror {
  readonly #clock: Clock;
  readonly #dialled = new Map<Mark, Dialled>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** We dialled, and our own key answered. To be called before anything else happens on the connection. */
  dialled(mark: Mark): void {
    this.#dialled.set(mark, { accepted: false });
    for (const key of this.#dialled.keys()) {
      if (this.#dialled.size <= MAX_DIALLED) break;
      this.#dialled.delete(key);
    }
  }

  /** Somebody came with our own key. Returns whether that was us, who have dialled. */
  accepted(mark: Mark): boolean {
    const dialled = this.#dialled.get(mark);
    if (dialled !== undefined) dialled.accepted = true;
    return dialled !== undefined;
  }

  /**
   * Resolves to whether another machine is at the other end of a link that we
   * dialled and on which our own key answered; false where that cannot be told.
   * A listener speaks when it has seen who came, and we would have noticed
   * ourselves by then.
   */
  async isElsewhere(link: Link): Promise<boolean> {
    const mark = markOf(link);
    const stop = this.#clock.after(PATIENCE_MS, () => link.destroy());
    const spoken = await link
      .frames()
      .next()
      .then(
        ({ done }) => done !== true,
        () => false,
      );
    stop();
    const here = this.#dialled.get(mark)?.accepted ?? true;
    return spoken && !here;
  }
}
