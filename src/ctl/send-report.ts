/**
 * What `send` says while it waits and at the end: a status line on a terminal,
 * a line now and then elsewhere, the views themselves with --json.
 */

import type { TransferView } from "../control/schema.ts";
import { assertNever } from "../core/assert.ts";
import type { Cancel } from "../core/clock.ts";
import type { ExitCode } from "../core/errors.ts";
import { ERRORS } from "../core/errors.ts";
import { advance, type Progress, percentOf, startProgress } from "../core/progress.ts";
import { safe } from "../core/text.ts";
import { plainLine, statusLine, summary, waitingLine } from "./render/progress.ts";
import { fullMeasure, type Measure, plainMeasure } from "./render/width.ts";
import { path, queuedText, whatAndWho } from "./render/words.ts";
import type { Ui } from "./ui.ts";

const REDRAW_EVERY = 100; // ms: smooth to the eye
const LINE_EVERY = 10_000; // ms: enough for a log
const OBJECT_EVERY = 500; // ms: enough for a program
const SHOWN = 10; // of a list that may have a hundred

export class SendReport {
  readonly #ui: Ui;
  readonly #measure: Measure;
  readonly #stopDrawing: Cancel;
  #progress: Progress<TransferView>;
  #lastLineAt: number;
  #lastObjectAt = 0;
  /** The state that was last told of. */
  #state: TransferView["state"] | undefined;
  /** What a queued one was last said to wait for. */
  #waitsFor: string | undefined;
  #named = false;
  #interrupted = false;

  /** `alone`: the status line is its own. */
  static async begin(transfer: TransferView, ui: Ui, alone = true): Promise<SendReport> {
    return new SendReport(transfer, ui, ui.hasStatus ? await fullMeasure() : plainMeasure, alone);
  }

  private constructor(transfer: TransferView, ui: Ui, measure: Measure, alone: boolean) {
    this.#ui = ui;
    this.#measure = measure;
    this.#lastLineAt = ui.clock.monotonic();
    this.#progress = startProgress(transfer, this.#lastLineAt);
    this.#stopDrawing = alone && ui.hasStatus ? ui.clock.every(REDRAW_EVERY, () => this.#draw()) : () => {};
  }

  get transfer(): TransferView {
    return this.#progress.transfer;
  }

  update(transfer: TransferView): void {
    const news = transfer.state !== this.#state;
    this.#state = transfer.state;
    const now = this.#ui.clock.monotonic();
    this.#progress = advance(this.#progress, transfer, now);
    if (news || now - this.#lastObjectAt >= OBJECT_EVERY) {
      this.#ui.object(transfer);
      this.#lastObjectAt = now;
    }
    // A queued one may have called in vain.
    const goes = transfer.queue === null || hasBegun(transfer.state);
    if (!this.#named && transfer.items.length > 0 && goes) {
      this.#named = true;
      this.#log(`sending ${whatAndWho(transfer)}`);
    }
    const waitsFor = transfer.state === "queued" && transfer.queue?.why ? queuedText(transfer) : undefined;
    if (waitsFor !== undefined && waitsFor !== this.#waitsFor) this.#log(`waiting: ${waitsFor}`);
    this.#waitsFor = waitsFor ?? this.#waitsFor;
    if (news && transfer.state === "asking") this.#log(waitingLine(transfer));
    if (news && !this.#ui.json) this.#tellInterruption(transfer);
    if (transfer.state === "running" && now - this.#lastLineAt >= LINE_EVERY) {
      this.#log(plainLine(this.#progress, now));
      this.#lastLineAt = now;
    }
  }

  /** Says how it ended. `interrupted`: the user wanted it to end. */
  end(interrupted: boolean): ExitCode {
    this.close();
    const { transfer } = this.#progress;
    switch (transfer.state) {
      case "done":
        this.#ui.print(
          summary(this.#progress, this.#ui.clock.monotonic()),
          ...thereAs(transfer),
          ...otherNames(transfer),
        );
        if (!this.#ui.json) this.#ui.notice(...leftOut(transfer));
        return 0;
      case "failed":
      case "cancelled":
        this.#ui.notice(...arrived(transfer));
        if (interrupted) {
          this.#ui.notice(`cancelled: ${whatAndWho(transfer)}`);
          return ERRORS.E_CANCELLED.exit;
        }
        return this.#ui.failedAs({
          ...(transfer.error ?? { code: "E_CANCELLED", message: "cancelled", exit: ERRORS.E_CANCELLED.exit }),
          ...(transfer.canRetry && { hint: `try again with: lanxferctl retry ${transfer.id}` }),
        });
      case "queued":
      case "paused":
      case "preparing":
      case "connecting":
      case "asking":
      case "running":
      case "finishing":
      case "waiting":
        this.#ui.notice(`interrupted before lanxferd confirmed that ${whatAndWho(transfer)} was cancelled`);
        return ERRORS.E_CANCELLED.exit;
      default:
        return assertNever(transfer.state);
    }
  }

  /** Says that the daemon went away, and what that means for the transfer. */
  lost(): void {
    this.close();
    const { peer, state } = this.#progress.transfer;
    const after = hasBegun(state) ? "; it goes on when lanxferd runs again" : "";
    this.#ui.notice(`lanxferd went away before ${safe(peer.name)} had everything${after}`);
  }

  /** Stops drawing. Idempotent. */
  close(): void {
    this.#stopDrawing();
    this.#ui.clearStatus();
  }

  #tellInterruption(transfer: TransferView): void {
    if (transfer.state === "waiting") {
      this.#interrupted = true;
      const reason = transfer.waitingFor?.message ?? `waiting for ${transfer.peer.name}`;
      this.#ui.notice(`${path(reason)}; trying again`);
    } else if (transfer.state === "paused") {
      this.#interrupted = true;
      this.#ui.notice(`paused; it goes on with: lanxferctl resume ${safe(transfer.id)}`);
    } else if (this.#interrupted && transfer.state === "running") {
      this.#interrupted = false;
      this.#ui.notice(`going on at ${percentOf(transfer)}%`);
    }
  }

  #draw(): void {
    const now = this.#ui.clock.monotonic();
    this.#ui.status(statusLine(this.#progress, now, this.#ui.statusColumns, this.#measure));
  }

  #log(line: string): void {
    if (!this.#ui.hasStatus && !this.#ui.json) this.#ui.notice(line);
  }
}

/** Whether the receiver has accepted it: from then on it survives interruptions. */
function hasBegun(state: TransferView["state"]): boolean {
  return state === "running" || state === "finishing" || state === "waiting";
}

/** Files and folders appear at the receiver one by one, so some may be there although the rest is not. */
function arrived(transfer: TransferView): string[] {
  const names = transfer.items.flatMap(({ as }) => (as === null ? [] : [`  ${safe(as)}`]));
  return names.length === 0 ? [] : ["arrived before that:", ...shortened(names, names.length)];
}

/** Where the receiver has what it had before. */
function thereAs({ items, peer }: TransferView): string[] {
  const there = items.filter((item) => item.there);
  const lines = there.map(({ name, as }) =>
    items.length > 1
      ? `${safe(name)} is already there as "${safe(as ?? "")}"`
      : `${safe(peer.name)} has it as "${safe(as ?? "")}"`,
  );
  return shortened(lines, lines.length);
}

/** What the receiver had to call otherwise. */
function otherNames(transfer: TransferView): string[] {
  const items = transfer.items
    .filter(({ name, as, there }) => as !== null && as !== name && !there)
    .map(({ name, as }) => `${transfer.items.length > 1 ? `${safe(name)} ` : ""}saved as "${safe(as ?? "")}"`);
  const inner = transfer.renamed.map((one) => `${path(one.path)} saved as "${safe(one.as)}"`);
  return [...items, ...shortened(inner, transfer.renamed.length)];
}

/** What does not go, and why. */
export function leftOut(transfer: TransferView): string[] {
  return [...skipped(transfer), ...excluded(transfer)];
}

function skipped(transfer: TransferView): string[] {
  if (transfer.skippedCount === 0) return [];
  const lines = transfer.skipped.map((one) => `  ${path(one.path)}: ${safe(one.reason)}`);
  return [`not sent, skipped: ${transfer.skippedCount}`, ...shortened(lines, transfer.skippedCount)];
}

function excluded({ excluded }: TransferView): string[] {
  return excluded === 0 ? [] : [`not sent, excluded: ${excluded}`];
}

function shortened(lines: readonly string[], total: number): string[] {
  const shown = lines.slice(0, SHOWN);
  return total > shown.length ? [...shown, `  and ${total - shown.length} more`] : shown;
}
