/**
 * One good message of each kind that a conversation knows: what is refused of them
 * is refused for the moment at which it comes, or for who says it.
 */

import { digestBlock } from "../../src/transfer/blocks.ts";
import type { Input } from "../../src/transfer/machine.ts";
import { newTransferId } from "./ends.ts";
import { blockFrame, controlFrame } from "./raw-peer.ts";
import { rootOf } from "./root.ts";

/** What the file of these messages holds; its name is a.txt. */
export const CONTENT = Buffer.from("hello");

const root = rootOf(CONTENT);
const file = { path: ["a.txt"], type: "file", size: CONTENT.length, mtime: 0 };
const messages = {
  hello: { v: 1, name: "mallory", features: ["resume"], port: 1 },
  heartbeat: {},
  offer: { entries: 1, bytes: CONTENT.length, count: 1, items: [{ name: "a.txt", type: "file" }] },
  accept: {},
  ask: {},
  decline: { code: "E_DECLINED" },
  have: { items: [{ ...file, path: ["b.txt"], blocks: 1, root }] },
  landed: { items: [{ item: 0, as: "a.txt" }] },
  end: { index: 0, root },
  done: {},
  saved: { items: [{ index: 0, root }] },
  progress: { bytes: CONTENT.length },
  complete: {},
  abort: { code: "E_INTERNAL" },
} as const satisfies Readonly<Partial<Record<Input, object>>>;

export const EVERY_INPUT: readonly Input[] = [
  ...(Object.keys(messages) as (keyof typeof messages)[]), // of the object just above
  "entry-file",
  "entry-folder",
  "block",
];

export function frameOfInput(input: Input): Buffer {
  switch (input) {
    case "entry-file":
      return controlFrame({ t: "entry", index: 0, ...file });
    case "entry-folder":
      return controlFrame({ t: "entry", index: 0, path: ["d"], type: "folder", size: 0, mtime: 0 });
    case "block":
      return blockFrame(0, CONTENT, digestBlock(CONTENT));
    case "offer":
      return controlFrame({ t: "offer", id: newTransferId(), ...messages.offer });
    default:
      return controlFrame({ t: input, ...messages[input] });
  }
}
