/**
 * What a sender takes up of an earlier attempt (PROTOCOL 4.9): the receiver's
 * `have`, held against the source as it is now. Nothing of what the receiver
 * says is believed: metadata and the root over the digests have to be those of
 * our own content, or the entry is sent from its start.
 */

import { LanxferError } from "../core/errors.ts";
import { checkName } from "../core/names.ts";
import { blocksOf, bytesIn, DigestList, digestBlock } from "./blocks.ts";
import type { Prepared } from "./content.ts";
import { BLOCK_PREFIX } from "./frames.ts";
import { SentIndex, type SentLog } from "./sent-log.ts";
import type { SourceEntry, SourceTotals } from "./source.ts";
import { DIGEST_SIZE, type MessageOf, MORE_THERE } from "./wire.ts";

type Have = MessageOf<"have">["items"][number];

/** One item of a `have`. */
interface Claim {
  readonly type: "file" | "folder";
  readonly size: number;
  readonly mtime: number;
  readonly executable: boolean;
  readonly blocks: number;
  readonly root: string | undefined;
  /** Under its final name, with the top-level item that it is or belongs to. */
  published: boolean;
  /** The receiver has it from an earlier transfer. */
  readonly there: boolean;
}

export class Resumption {
  readonly #totals: SourceTotals;
  readonly #log: SentLog | undefined;
  /** What the receiver has from earlier transfers will do. */
  readonly #takesThere: boolean;
  /** By path: what earlier attempts have left. */
  readonly #claims = new Map<string, Claim>();
  /** By path and version (`versionOf`): what is there from earlier transfers, as several may have had one name. Each is taken up once. */
  readonly #there = new Map<string, Claim[]>();
  #thereCount = 0;
  #sent = new SentIndex();
  /** The top-level item whose turn it is is published. */
  #inPublished = false;
  #bytes = 0;
  readonly #already = { entries: 0, bytes: 0 };

  constructor(totals: SourceTotals, log?: SentLog, takesThere = false) {
    this.#totals = totals;
    this.#log = log;
    this.#takesThere = takesThere;
  }

  /** Bytes that need not be sent again: before the end, as far as is known, which may turn out too much. */
  get bytes(): number {
    return Math.min(this.#bytes, this.#totals.bytes);
  }

  /** Files taken up so far that the receiver has from earlier transfers, and their bytes. */
  get already(): { readonly entries: number; readonly bytes: number } {
    return { ...this.#already };
  }

  /** Takes note of a `have`. Throws E_PROTO or E_NAME for what no honest receiver says. */
  heard(items: readonly Have[]): void {
    for (const item of items) {
      item.path.forEach(checkName);
      const { type, size, mtime, executable = false, blocks, root, as, there = false } = item;
      const key = item.path.join("/");
      if (!there && this.#claims.has(key)) throw refused("the same path twice");
      const most = this.#totals.entries + (there ? MORE_THERE : 0);
      if ((there ? this.#thereCount : this.#claims.size) === most) throw refused("more items than were offered");
      const wrong = whatIsWrong(item);
      if (wrong !== undefined) throw refused(wrong);
      if (there && !this.#takesThere) throw refused("from earlier, which was not asked for");
      const claim = { type, size, mtime, executable, blocks, root, published: as !== undefined, there };
      if (there) {
        this.#addThere(versionOf(item), claim);
        continue; // it is perhaps another version, and counts when it is known not to be
      }
      this.#claims.set(key, claim);
      this.#bytes += bytesIn(blocks, size);
    }
  }

  /** The receiver has told all that it has. Throws E_PROTO when that does not fit together. */
  complete(): void {
    for (const [key, claim] of this.#claims) {
      const [top = ""] = key.split("/", 1);
      claim.published ||= this.#claims.get(top)?.published ?? false;
      if (claim.type === "folder" && !claim.published) throw refused("a folder that is not published");
    }
  }

  /** Gets what is remembered of earlier attempts, before the first entry. */
  async begin(): Promise<void> {
    if (this.#log === undefined) return;
    if (this.#claims.size + this.#there.size > 0) this.#sent = await this.#log.read();
    else void this.#log.clear();
  }

  /** Whether all of an entry will be taken up and its content is not wanted, as far as can be said before its turn. */
  isWhole(entry: SourceEntry): boolean {
    const [claim] = this.#claimsOn(entry);
    return claim?.blocks === blocksOf(entry.size) && this.#sent.covers(entry, claim.blocks);
  }

  /**
   * The digests of the first blocks of an entry, which are not sent again;
   * undefined when it is sent from its start. To be asked once for each entry, in
   * their order. Throws E_SOURCE_CHANGED for one that is published and not the same now.
   */
  async takeUp(prepared: Prepared, stopped: AbortSignal): Promise<DigestList | undefined> {
    const { entry } = prepared;
    const claims = this.#claimsOn(entry);
    const key = entry.path.join("/");
    const left = this.#claims.get(key);
    this.#claims.delete(key); // of several entries with one path it is about one
    if (left !== undefined) this.#there.delete(versionOf(entry)); // a receiver lists only one of both
    if (entry.path.length === 1) this.#inPublished = left?.published ?? false;
    const proved = await this.#prove(claims, prepared, stopped);
    if (proved !== undefined) {
      if (proved.claim.there) this.#takeThere(entry, proved.claim);
      return proved.digests;
    }
    if (this.#inPublished) throw new LanxferError("E_SOURCE_CHANGED", { path: entry.source });
    if (left !== undefined) this.#bytes -= bytesIn(left.blocks, left.size);
    return undefined;
  }

  /** All entries have had their turn. Throws E_SOURCE_CHANGED when something that is published was not among them. */
  end(): void {
    for (const [path, claim] of this.#claims) {
      if (claim.published) throw new LanxferError("E_SOURCE_CHANGED", { path });
      this.#bytes -= bytesIn(claim.blocks, claim.size);
    }
    this.#claims.clear();
  }

  #addThere(version: string, claim: Claim): void {
    this.#thereCount++;
    const alike = this.#there.get(version);
    if (alike === undefined) this.#there.set(version, [claim]);
    else alike.push(claim);
  }

  #takeThere(entry: SourceEntry, claim: Claim): void {
    const alike = this.#there.get(versionOf(entry)) ?? [];
    alike.splice(alike.indexOf(claim), 1);
    this.#already.entries++;
    this.#already.bytes += entry.size;
  }

  /**
   * What may be of an entry, all in as many blocks. What an earlier attempt has left
   * goes before what is there from earlier transfers.
   */
  #claimsOn(entry: SourceEntry): readonly Claim[] {
    const left = this.#claims.get(entry.path.join("/"));
    const claims = left === undefined ? (this.#there.get(versionOf(entry)) ?? []) : [left];
    return claims.filter((claim) => isOf(claim, entry));
  }

  /** The digests of our content, and which of `claims` is about it. */
  async #prove(
    claims: readonly Claim[],
    prepared: Prepared,
    stopped: AbortSignal,
  ): Promise<{ readonly digests: DigestList; readonly claim: Claim } | undefined> {
    const { entry } = prepared;
    const [first] = claims;
    if (first === undefined) return undefined;
    const remembered = this.#sent.digestsOf(entry).subarray(0, first.blocks * DIGEST_SIZE);
    // What was remembered may be damaged; the content itself is not.
    const starts = remembered.length > 0 ? [remembered, new Uint8Array(0)] : [remembered];
    for (const start of starts) {
      const digests = new DigestList();
      digests.append(start);
      const from = digests.count;
      for await (const { frame, release } of prepared.blocks(from, first.blocks)) {
        digests.push(digestBlock(frame.subarray(BLOCK_PREFIX)));
        release();
        stopped.throwIfAborted();
      }
      this.#log?.add(entry, from, digests.slice(from));
      const claim = claims.find(({ root }) => root === undefined || root === digests.root());
      if (claim !== undefined) return { digests, claim };
    }
    return undefined;
  }
}

function versionOf({ path, size, mtime }: Pick<SourceEntry, "path" | "size" | "mtime">): string {
  return `${path.join("/")}\0${size}:${mtime}`;
}

/** A folder has neither content nor root. */
function isOf(claim: Claim, { type, size, mtime, executable }: SourceEntry): boolean {
  return claim.type === type && claim.size === size && claim.mtime === mtime && claim.executable === executable;
}

function whatIsWrong({ path, type, size, blocks, root, as, there }: Have): string | undefined {
  if ((type === "file") !== (root !== undefined)) return "a root is for files, and for each of them";
  if (type === "folder" && size > 0) return "a folder with a size";
  if (blocks > blocksOf(size)) return "more blocks than the file has";
  if (there === true && (as !== undefined || type === "folder" || blocks < blocksOf(size))) {
    return "from earlier, but not a whole file";
  }
  if (blocks === 0 && size > 0) return "a file of which nothing is there";
  if (as === undefined) return type === "folder" && path.length === 1 ? "a folder that is not published" : undefined;
  if (path.length > 1) return "a final name for what is no top-level item";
  return blocks < blocksOf(size) ? "published, but not whole" : undefined;
}

function refused(text: string): LanxferError {
  return new LanxferError("E_PROTO", { text: `have: ${text}` });
}
