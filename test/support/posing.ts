/** The protocol of pairing by code, spoken by whoever has a raw connection, under any name, up to where a test stops it. */

import { Machine, type Who } from "../unit/identity/support/pairing.ts";
import { eventually } from "./process.ts";
import type { RawPeer } from "./raw-peer.ts";

export class Posing {
  readonly machine: Machine;
  readonly peer: RawPeer;
  #heard = 0;

  /** `self` has the id of the key that the connection showed; its name is free. */
  constructor(role: "dialler" | "listener", peer: RawPeer, self: Who, other: Who) {
    const exportKey = (label: string, context: Uint8Array, length: number) =>
      peer.socket.exportKeyingMaterial(length, label, Buffer.from(context));
    this.peer = peer;
    this.machine = new Machine(role, self, other, exportKey);
  }

  /** Says and hears what there is until the machine is in this phase. */
  async until(phase: Machine["state"]["phase"]): Promise<this> {
    await eventually(
      `posing comes to ${phase}`,
      () => {
        this.#exchange();
        if (this.machine.state.phase === phase) return true;
        if (this.peer.socket.destroyed) throw new Error(`closed in ${this.machine.state.phase}`);
        return undefined;
      },
      { everyMs: 2 },
    );
    return this;
  }

  /** Agrees, as a user who typed the right code. */
  agree(): void {
    this.machine.feed({ kind: "code", code: this.machine.comparing.codes.wanted });
    this.#exchange();
  }

  /** The connection is closed, by this end if need be. */
  async end(): Promise<void> {
    this.peer.end();
    await this.peer.closed();
  }

  #exchange(): void {
    const { messages } = this.peer;
    while (this.#heard < messages.length) this.machine.hear(messages[this.#heard++]);
    this.peer.send(...this.machine.said.splice(0));
  }
}
