/**
 * The lines of a receiver's journal (journal.ts) and what they add up to. Pure:
 * whether the disk agrees is found out in held.ts.
 */

import { z } from "zod";
import { type DeviceId, isDeviceId } from "../core/ids.ts";
import { blocksOf, bytesIn, DigestList } from "./blocks.ts";
import { DIGEST_SIZE, offerMessage } from "./wire.ts";

const number = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const name = z.string().regex(/^(?!\.{1,2}$)[^/\0]{1,255}$/);
const digestHex = z.string().regex(/^[0-9a-f]{64}$/);
const digests = z.string().refine((text) => Buffer.from(text, "base64").length % DIGEST_SIZE === 0, "half a digest");
const facts = z.object({
  path: z.array(z.string().min(1)).min(1),
  type: z.enum(["file", "folder"]),
  size: number,
  mtime: z.number().int(),
  executable: z.boolean().optional(),
});

/** `n` numbers the entries of all attempts; the index of the protocol counts anew in each. */
const line = z.discriminatedUnion("t", [
  /** An attempt begins; the first line is always this. */
  z.object({ t: z.literal("offer"), v: z.literal(1), peer: z.custom<DeviceId>(isDeviceId), offer: offerMessage }),
  /** A part or a staged folder exists under `name` in the folder around it. */
  z.object({ t: z.literal("begun"), n: number, name, facts }),
  /** Digests of further blocks of a part, which are written but perhaps not flushed. */
  z.object({ t: z.literal("written"), n: number, digests }),
  /** So many blocks are flushed. */
  z.object({ t: z.literal("flushed"), n: number, blocks: number }),
  /** The part was closed in good order with this time of change (nanoseconds). */
  z.object({ t: z.literal("closed"), n: number, changed: z.string() }),
  /** A file is complete, has its attributes and is flushed. */
  z.object({ t: z.literal("finished"), n: number, root: digestHex }),
  /** It is about to get this final name. `reserved`: by way of an empty file of that name. */
  z.object({ t: z.literal("publishing"), n: number, as: name, reserved: z.boolean() }),
  /** Nothing is claimed of this entry any more. */
  z.object({ t: z.literal("dropped"), n: number }),
]);
export type JournalLine = z.infer<typeof line>;
export type Offered = z.infer<typeof offerMessage>;
/** An entry as it was announced, without its index. */
export type Facts = z.infer<typeof facts>;

/** What the lines say of one entry. A class, because its instances take half the memory of literals with spreads. */
export class Recorded {
  readonly n: number;
  readonly facts: Facts;
  /** Its name on the disk, in the folder around it. */
  readonly name: string;
  /** Of the blocks that were written, in order; none of a file of one block. */
  digests: DigestList | undefined = undefined;
  /** How many of them are flushed. */
  flushed = 0;
  closed: string | undefined = undefined;
  /** Root of a file that is complete. */
  root: string | undefined = undefined;
  publishing: { readonly as: string; readonly reserved: boolean } | undefined = undefined;

  constructor(n: number, facts: Facts, name: string) {
    this.n = n;
    this.facts = facts;
    this.name = name;
  }
}

/** What a journal says, the disk not yet asked. */
export interface JournalRecord {
  readonly peer: DeviceId;
  /** That of the newest attempt. */
  readonly offer: Offered;
  /** By path (`keyOf`), the newest of each; what is inside a folder comes after it. */
  readonly entries: ReadonlyMap<string, Recorded>;
  /** The first number that is free. */
  readonly next: number;
  /** Bytes of the lines; behind them a crash may have left a piece of one. */
  readonly length: number;
}

/** A path as a key: components hold no slash. */
export function keyOf(path: readonly string[]): string {
  return path.join("/");
}

/** Bytes of content that a record claims. */
export function claimed({ entries }: JournalRecord): number {
  let bytes = 0;
  for (const { facts, root, digests } of entries.values()) {
    bytes += root === undefined ? bytesIn(digests?.count ?? 0, facts.size) : facts.size;
  }
  return bytes;
}

/**
 * Adds up the lines of a journal, one after another. A line that cannot be read
 * may have taken back what others claim: then all of it is in doubt.
 */
export class Reading {
  #header: Extract<JournalLine, { t: "offer" }> | undefined;
  readonly #byNumber = new Map<number, Recorded>();
  readonly #byPath = new Map<string, Recorded>();
  #next = 0;

  /** What the lines add up to; `length` is how many bytes they take. Undefined when there was no first line. */
  record(length: number): JournalRecord | undefined {
    if (this.#header === undefined) return undefined;
    const { peer, offer } = this.#header;
    return { peer, offer, entries: this.#byPath, next: this.#next, length };
  }

  /** False when the line makes no sense after those before it: nothing can be relied on then. */
  take(text: string): boolean {
    const line = parseLine(text);
    if (line === undefined) return false;
    switch (line.t) {
      case "offer":
        return this.#offer(line);
      case "begun":
        return this.#begun(line);
      default: {
        const recorded = this.#byNumber.get(line.n);
        if (line.t === "dropped") {
          const key = keyOf(recorded?.facts.path ?? []);
          if (this.#byPath.get(key) === recorded) this.#byPath.delete(key);
        }
        return recorded !== undefined && apply(recorded, line);
      }
    }
  }

  #offer(line: Extract<JournalLine, { t: "offer" }>): boolean {
    const before = this.#header;
    this.#header = line;
    return before === undefined || (before.peer === line.peer && before.offer.id === line.offer.id);
  }

  #begun(line: Extract<JournalLine, { t: "begun" }>): boolean {
    const { n } = line;
    // A hundred thousand of these may be in memory: what is the same text is one string.
    const { path } = line.facts;
    const last = path.at(-1) ?? "";
    const around = this.#byPath.get(keyOf(path.slice(0, -1)))?.facts.path ?? path.slice(0, -1);
    const facts = { ...line.facts, path: [...around, last] };
    const entry = new Recorded(n, facts, line.name === last ? last : line.name);
    const key = keyOf(facts.path);
    this.#byNumber.set(n, entry);
    this.#byPath.delete(key); // the newest goes to the end, behind the folder around it, which may be newer, too
    this.#byPath.set(key, entry);
    const inOrder = n >= this.#next;
    this.#next = n + 1;
    return inOrder;
  }
}

/** False when the line does not fit what went before. */
function apply(entry: Recorded, line: Exclude<JournalLine, { t: "offer" | "begun" }>): boolean {
  switch (line.t) {
    case "written":
      entry.digests ??= new DigestList();
      entry.digests.append(Buffer.from(line.digests, "base64"));
      entry.closed = undefined;
      return entry.digests.count <= blocksOf(entry.facts.size);
    case "flushed":
      entry.flushed = line.blocks;
      return line.blocks <= (entry.digests?.count ?? 0);
    case "closed":
      entry.closed = line.changed;
      return true;
    case "finished":
      entry.root = line.root;
      return entry.facts.type === "file";
    case "publishing":
      entry.publishing = { as: line.as, reserved: line.reserved };
      return entry.facts.path.length === 1;
    case "dropped":
      return true;
  }
}

function parseLine(text: string): JournalLine | undefined {
  try {
    return line.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
