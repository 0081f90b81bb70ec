/**
 * What holds after any fault whatever, checked on a receiving home from outside:
 * a visible name has the whole content of something that was sent; what was
 * there before is as it was, and nothing else was written but what the daemon
 * keeps for itself; what the sender was told has arrived is there.
 */

import { lstat, readdir, readFile, readlink, rm } from "node:fs/promises";
import path from "node:path";
import type { ControlClient } from "../../src/control/client.ts";
import type { TransferView } from "../../src/control/schema.ts";
import { eventually } from "./process.ts";
import { copied, differences, type Entry, readTree, type Tree, untouched } from "./tree.ts";

/** Where a daemon keeps its own: nobody else's business, and free to change. */
const OWN = ["config", "state", "run"];
const STAGING = ".lanxfer";

export interface Watched {
  /** The home directory of a device, with its settings, state and inbox in the usual places. */
  readonly home: string;
  readonly inbox: string;
}

export class Invariants {
  readonly #place: Watched;
  readonly #before: Tree;
  readonly #visibleBefore: ReadonlySet<string>;
  readonly #sources = new Map<string, Tree>();

  private constructor(place: Watched, before: Tree, visible: readonly string[]) {
    this.#place = place;
    this.#before = before;
    this.#visibleBefore = new Set(visible);
  }

  /** Remembers what is there now; `sources` are files and folders of which copies may appear in the inbox. */
  static async watch(place: Watched, ...sources: readonly string[]): Promise<Invariants> {
    const watch = new Invariants(place, await readHome(place), await visibleIn(place.inbox));
    for (const source of sources) await watch.expect(source);
    return watch;
  }

  /** One more file or folder of which copies may appear. */
  async expect(source: string): Promise<void> {
    this.#sources.set(source, await readTree(source));
  }

  /**
   * Names of what has come since, by the source that each is a copy of. Rejects
   * with everything that does not hold; `sent` is how transfers ended for the sender.
   * Of a daemon that was `killed` an empty folder may be left where a folder was
   * about to appear (PROTOCOL 5.3): its next start takes that away.
   */
  async check(
    sent: readonly TransferView[] = [],
    { killed = false } = {},
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const violations: string[] = [];
    const { inbox } = this.#place;
    const come = (await visibleIn(inbox)).filter((name) => !this.#visibleBefore.has(name));
    const copies = new Map([...this.#sources.keys()].map((source): [string, string[]] => [source, []]));
    for (const name of come) {
      if (killed && (await isEmptyFolder(path.join(inbox, name)))) continue;
      const source = await this.#sourceOf(path.join(inbox, name));
      if (source === undefined) violations.push(`${name} is in the inbox and no whole copy of anything`);
      else copies.get(source)?.push(name);
    }
    violations.push(...(await this.#changed(new Set(come))));
    for (const { id, state, items } of sent) {
      for (const { name, as } of state === "done" ? items : []) {
        if (as === null || !come.includes(as)) violations.push(`${id} is done, but its ${name} is not there as ${as}`);
      }
    }
    if (violations.length > 0) throw new Error(`does not hold:\n${violations.join("\n")}`);
    return copies;
  }

  /** Takes out of the inbox what has come, as its user may. */
  async clear(): Promise<void> {
    const { inbox } = this.#place;
    const come = (await visibleIn(inbox)).filter((name) => !this.#visibleBefore.has(name));
    for (const name of come) await rm(path.join(inbox, name), { recursive: true });
  }

  /** Resolves when nothing is left in staging; rejects with what is. */
  async nothingStaged(): Promise<void> {
    await eventually("nothing in staging", async () => ((await this.staged()).length === 0 ? true : undefined), {
      timeoutMs: 5_000,
      everyMs: 10,
    }).catch(async (error: Error) => {
      throw new Error(`${error.message}: ${await this.staged()}`);
    });
  }

  /** What is in staging. */
  staged(): Promise<string[]> {
    return namesIn(path.join(this.#place.inbox, STAGING));
  }

  async #sourceOf(copy: string): Promise<string | undefined> {
    const tree = await readTree(copy);
    for (const [source, original] of this.#sources) {
      if (differences(original, tree, copied).length === 0) return source;
    }
    return undefined;
  }

  async #changed(come: ReadonlySet<string>): Promise<string[]> {
    const prefix = path.relative(this.#place.home, this.#place.inbox);
    const isNew = ([name]: [string, Entry]) => {
      const [top] = path.relative(prefix, name).split(path.sep);
      return !(name.startsWith(prefix + path.sep) && come.has(top ?? ""));
    };
    const after = new Map([...(await readHome(this.#place))].filter(isNew));
    return differences(this.#before, after, untouched);
  }
}

/** Resolves when none of these daemons has a transfer under way. */
export async function atRest(...daemons: readonly ControlClient[]): Promise<void> {
  for (const control of daemons) {
    await eventually("no transfer is running", async () => {
      const { running } = await control.call("get", "/v1/status", {});
      return running === 0 || undefined;
    });
  }
}

/** Open descriptors and resident memory (bytes) of a process. */
export async function footprint(
  pid: number,
): Promise<{ readonly descriptors: readonly string[]; readonly rss: number }> {
  const names = await namesIn(`/proc/${pid}/fd`);
  const targets = await Promise.all(names.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
  return { descriptors: targets.filter(Boolean), rss: Number(kilobytes) * 1024 };
}

/** Without the times of home and inbox themselves: they change with what comes into them. */
async function readHome({ home, inbox }: Watched): Promise<Tree> {
  const at = path.relative(home, inbox);
  const own = new Set([...OWN, path.join(at, STAGING)]);
  const tree = new Map(await readTree(home, (relative) => own.has(relative)));
  for (const name of [".", at]) {
    const folder = tree.get(name);
    if (folder !== undefined) tree.set(name, { ...folder, mtime: 0n });
  }
  return tree;
}

async function isEmptyFolder(item: string): Promise<boolean> {
  return (await lstat(item)).isDirectory() && (await readdir(item)).length === 0;
}

async function visibleIn(inbox: string): Promise<string[]> {
  return (await namesIn(inbox)).filter((name) => name !== STAGING);
}

function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
