/** A link as the pairing protocols want it: one message after another, few of them, none waited for for ever. */

import type { Clock } from "../../core/clock.ts";
import { LanxferError } from "../../core/errors.ts";
import type { DeviceId } from "../../core/ids.ts";
import type { PairChannel } from "../../identity/channel.ts";
import type { Link } from "../../transfer/link.ts";
import { MAX_PAIR_MESSAGES } from "../../transfer/wire.ts";
import type { Recipient } from "../outgoing/attempt.ts";
import type { Place } from "../record/contacts.ts";

/** A message that takes longer than this was never coming (milliseconds). */
const MESSAGE_MS = 10_000;

export interface PairConnection extends PairChannel {
  readonly link: Link;
  /** The next message, however long it takes: for who has a deadline of their own. Rejects as `receive` does. */
  next(): Promise<unknown>;
}

/** Dials a device, runs `use` and closes. `places` are the first to look at. Rejects with why it was not reached. */
export type Visit = <Result>(
  to: Recipient,
  signal: AbortSignal,
  places: readonly Place[],
  use: (connection: PairConnection) => Promise<Result>,
) => Promise<Result>;

export function pairConnection(link: Link, self: DeviceId, clock: Clock): PairConnection {
  const frames = link.frames();
  let received = 0;
  const next = async () => {
    if (++received > MAX_PAIR_MESSAGES) throw new LanxferError("E_PROTO", { text: "too many messages" });
    const { value: frame } = await frames.next();
    if (frame === undefined) throw new LanxferError("E_LOST", { text: "closed by the other end" });
    return frame.type === "control" ? frame.payload : undefined; // a pairing link decodes no blocks
  };
  return {
    link,
    self,
    peer: link.peer,
    exportKey: (label, context, length) => link.exportKey(label, context, length),
    async send(message) {
      link.send(message);
      await link.flushed();
    },
    next,
    receive() {
      const cancel = clock.after(MESSAGE_MS, () => link.destroy(new LanxferError("E_TIMEOUT", { text: "pairing" })));
      return next().finally(cancel);
    },
  };
}
