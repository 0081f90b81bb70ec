/**
 * What has ended, in both directions: one JSON line each, flushed before the
 * append counts as done, in files whose size and number are bounded. A line that
 * is damaged is passed over and counted, never mended.
 */

import type { HistoryView, HookView } from "../../control/schema.ts";
import { LanxferError, systemCode } from "../../core/errors.ts";
import { hookLine, Reading, transferLine } from "./history-lines.ts";
import { RotatedLines, type RotationOptions } from "./rotated-lines.ts";

/** About a hundred thousand transfers of a file or two. */
const ROTATION: RotationOptions = { bytes: 8 * 1024 * 1024, files: 5 };

/** Damaged lines that are told apart. */
const MAX_DAMAGED = 10_000;

/** What is wanted of the history. */
export interface Wanted {
  readonly limit: number;
  readonly filter?: (line: HistoryView) => boolean;
}

export class History {
  readonly #lines: RotatedLines;
  /** Places of lines that were not understood. */
  readonly #damaged = new Set<string>();

  private constructor(lines: RotatedLines) {
    this.#lines = lines;
  }

  /** Throws E_STATE when the file cannot be used. */
  static async open(path: string, rotation: RotationOptions = ROTATION): Promise<History> {
    try {
      return new History(await RotatedLines.open(path, rotation));
    } catch (error) {
      throw new LanxferError("E_STATE", { path, text: systemCode(error) ?? String(error) }, { cause: error });
    }
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#lines.bytes;
  }

  /** Lines that were not understood when they were read, since the start. */
  get damaged(): number {
    return this.#damaged.size;
  }

  /** Resolves when the line is on the disk. Appends happen in the order of the calls. */
  append(line: HistoryView): Promise<void> {
    return this.#lines.append(transferLine(line));
  }

  /** Says what has become of the hook of a transfer that was appended. Resolves when that is on the disk. */
  hookChanged(transfer: Pick<HistoryView, "id" | "peer" | "at">, hook: HookView): Promise<void> {
    return this.#lines.append(hookLine(transfer, hook));
  }

  /** The last lines, newest first; `damaged` ones were passed over on the way. */
  async read({ limit, filter = () => true }: Wanted): Promise<{ history: HistoryView[]; damaged: number }> {
    const history: HistoryView[] = [];
    let damaged = 0;
    for await (const line of this.newestFirst(() => damaged++)) {
      if (filter(line)) history.push(line);
      if (history.length >= limit) break;
    }
    return { history, damaged };
  }

  /** `onDamaged` is told of each line that is not understood. */
  async *newestFirst(onDamaged: () => void = () => {}): AsyncGenerator<HistoryView, void> {
    const reading = new Reading();
    for await (const { text, place } of this.#lines.newestFirst()) {
      const taken = text === undefined ? "damaged" : understood(reading, text);
      if (taken === "damaged") {
        onDamaged();
        if (this.#damaged.size < MAX_DAMAGED) this.#damaged.add(place);
      } else if (taken !== undefined) yield taken;
    }
  }

  async close(): Promise<void> {
    await this.#lines.close();
  }
}

function understood(reading: Reading, text: string): HistoryView | undefined | "damaged" {
  try {
    return reading.take(text);
  } catch {
    return "damaged"; // whatever is wrong with it
  }
}
