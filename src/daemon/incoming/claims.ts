/**
 * One transfer is served on one connection at a time. A sender that opens a
 * second one has given the first up, even if its end has not reached us yet: the
 * newer wins.
 */

import { LanxferError } from "../../core/errors.ts";

interface Claim {
  readonly supersede: (reason: LanxferError) => void;
  readonly over: Promise<void>;
}

export class Claims {
  readonly #held = new Map<string, Claim>();

  /**
   * Ends who holds `key` and waits until that has ended. Resolves to how to let
   * go again; until then `supersede` is called when somebody newer comes.
   */
  async take(key: string, supersede: (reason: LanxferError) => void): Promise<() => void> {
    const reason = new LanxferError("E_BUSY", { text: "it goes on over a newer connection" });
    for (let older = this.#held.get(key); older !== undefined; older = this.#held.get(key)) {
      older.supersede(reason);
      await older.over;
    }
    let ended = () => {};
    const over = new Promise<void>((resolve) => {
      ended = resolve;
    });
    this.#held.set(key, { supersede, over });
    return () => {
      this.#held.delete(key);
      ended();
    };
  }
}
