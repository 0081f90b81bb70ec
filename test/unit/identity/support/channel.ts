/**
 * Two ends of a connection in memory. As TLS does, it shows each end the id of
 * the other and gives both the same keying material, which no other connection
 * has. Unlike TLS it can be listened to.
 */

import { hkdfSync } from "node:crypto";
import { LanxferError } from "../../../../src/core/errors.ts";
import type { DeviceId } from "../../../../src/core/ids.ts";
import type { PairChannel } from "../../../../src/identity/channel.ts";

type Message = Readonly<Record<string, unknown>>;

export interface MemoryChannel extends PairChannel {
  /** All that this end sent, in order. */
  readonly sent: readonly Message[];
  /** The other end sees E_LOST, after what was sent before. */
  close(): void;
}

let connections = 0;

/** Each call is a connection of its own. Messages travel as the JSON that they become on the wire. */
export function connect(a: DeviceId, b: DeviceId): [MemoryChannel, MemoryChannel] {
  const secret = `connection ${++connections}`;
  const exportKey = (label: string, context: Uint8Array, length: number) =>
    Buffer.from(hkdfSync("sha256", secret, context, label, length));
  const toA = new Mailbox();
  const toB = new Mailbox();
  return [end(a, b, toB, toA, exportKey), end(b, a, toA, toB, exportKey)];
}

function end(
  self: DeviceId,
  peer: DeviceId,
  outbox: Mailbox,
  inbox: Mailbox,
  exportKey: PairChannel["exportKey"],
): MemoryChannel {
  const sent: Message[] = [];
  return {
    self,
    peer,
    exportKey,
    sent,
    async send(message) {
      const text = JSON.stringify(message);
      if (Buffer.byteLength(text) > 1024) throw new Error(`a message of ${text.length} bytes`);
      if (outbox.closed) throw new LanxferError("E_LOST");
      sent.push(message);
      outbox.put(JSON.parse(text));
    },
    receive: () => inbox.take(),
    close() {
      inbox.close();
      outbox.close();
    },
  };
}

class Mailbox {
  closed = false;
  readonly #messages: unknown[] = [];
  #wake: (() => void) | undefined;

  put(message: unknown): void {
    this.#messages.push(message);
    this.#wake?.();
  }

  close(): void {
    this.closed = true;
    this.#wake?.();
  }

  async take(): Promise<unknown> {
    while (this.#messages.length === 0) {
      if (this.closed) throw new LanxferError("E_LOST");
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
    return this.#messages.shift();
  }
}
