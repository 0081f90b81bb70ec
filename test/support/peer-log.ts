/** Peers as a daemon tells of them, with the time at which it did. For measuring, and for waiting. */

import type { ControlEvent, PeerView } from "../../src/control/schema.ts";
import type { Device } from "./device.ts";
import { eventually } from "./process.ts";

export interface PeerChange {
  readonly change: "up" | "changed" | "down";
  readonly peer: PeerView;
  /** performance.now() of the test process when it was told. */
  readonly at: number;
}

export class PeerLog {
  readonly changes: PeerChange[] = [];
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #begun = false;

  private constructor(device: Device) {
    this.#ended = this.#follow(device.control.events(this.#stop.signal));
    this.#ended.catch(() => {}); // told by close()
  }

  /** Resolves when it has the peers that the daemon of `device` knows now. Close it before the daemon ends. */
  static async open(device: Device): Promise<PeerLog> {
    const log = new PeerLog(device);
    await eventually(`events of ${device.name}`, () => (log.#begun ? true : undefined), { everyMs: 5 });
    return log;
  }

  /** The first change that `wanted` accepts among those told at `since` or later. */
  first(wanted: (change: PeerChange) => boolean, since: number, timeoutMs: number): Promise<PeerChange> {
    const look = () => this.changes.find((change) => change.at >= since && wanted(change));
    return eventually("a change of peers", look, { timeoutMs, everyMs: 5 });
  }

  /** Rejects when the daemon had closed the stream before. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #follow(events: AsyncGenerator<ControlEvent>): Promise<void> {
    for await (const event of events) {
      const at = performance.now();
      if (event.type === "snapshot") {
        for (const peer of event.peers) this.changes.push({ change: "up", peer, at });
        this.#begun = true;
      } else if (event.type === "peer") {
        this.changes.push({ change: event.change, peer: event.peer, at });
      }
    }
  }
}
