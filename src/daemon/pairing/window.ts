/**
 * The time in which the local user wants to pair by code (docs/PROTOCOL.md
 * section 6.2). With a device named, it also dials that one, again and again
 * until that one's user opens a window, too: either side may begin. One attempt
 * at a time; what fails after the commitment is counted.
 */

import type { DeviceView, PairingView } from "../../control/schema.ts";
import type { Clock } from "../../core/clock.ts";
import { LanxferError, toLanxferError, toView } from "../../core/errors.ts";
import { type DeviceId, shortId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import type { PairingLock } from "../../identity/pairing-lock.ts";
import type { Introduction } from "../../identity/pairing-message.ts";
import type { Role } from "../../identity/pairing-proof.ts";
import type { Comparing, Outcome } from "../../identity/pairing-state.ts";
import { petnameFrom } from "../../identity/petname.ts";
import type { Device } from "../../identity/trust-file.ts";
import type { TrustStore } from "../../identity/trust-store.ts";
import type { Link } from "../../transfer/link.ts";
import { namesakeOf } from "../namesakes.ts";
import type { Recipient } from "../outgoing/attempt.ts";
import { deviceView } from "../views.ts";
import { Attempt, type Verdict } from "./attempt.ts";
import type { PairConnection, Visit } from "./connection.ts";

/** How long it stays open for somebody to come (milliseconds). */
const OPEN_MS = 120_000;
/** Pause between two calls to a device whose user is not ready (milliseconds). */
const AGAIN_MS = 2_000;
/** Attempts of others that may fail before it closes. */
const MOST_FAILURES = 3;

export interface WindowDeps {
  readonly self: DeviceId;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: (bytes: number) => Uint8Array;
  readonly trust: TrustStore;
  readonly lock: PairingLock;
  readonly introduction: () => Introduction;
  readonly visit: Visit;
  readonly met: (link: Link, other: Introduction) => void;
}

type Result =
  | { readonly kind: "paired"; readonly device: Device; readonly mutual: boolean; readonly again: boolean }
  | { readonly kind: "failed"; readonly error: LanxferError };

export class PairingWindow {
  readonly #deps: WindowDeps;
  /** The only device that it is for. */
  readonly #target: Recipient | undefined;
  readonly #end: number;
  readonly #over = new AbortController();
  #attempt: Attempt | undefined;
  #failures = 0;
  /** Why the device could not be called. */
  #problem: LanxferError | undefined;
  #result: Result | undefined;
  #wake: () => void = () => {};

  constructor(deps: WindowDeps, target: Recipient | undefined) {
    this.#deps = deps;
    this.#target = target;
    this.#end = deps.clock.monotonic() + OPEN_MS;
  }

  get isOpen(): boolean {
    return !this.#over.signal.aborted;
  }

  /** Holds it open until somebody is paired, it failed, its time is over, or `holder` aborts. Never rejects. */
  async run(holder: AbortSignal): Promise<void> {
    const giveUp = () => this.cancel(new LanxferError("E_CANCELLED"));
    const stop = this.#deps.clock.after(OPEN_MS, () => {
      if (this.#attempt === undefined) void this.#fail(nobodyCame(this.#target));
    });
    holder.addEventListener("abort", giveUp, { once: true });
    if (holder.aborted) giveUp();
    try {
      if (this.#target !== undefined) await this.#call(this.#target);
      await aborted(this.#over.signal);
    } finally {
      stop();
      holder.removeEventListener("abort", giveUp);
    }
  }

  /** What there is to see, at first and after each change; ends with the result. */
  async *views(): AsyncGenerator<PairingView> {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const isLast = !this.isOpen; // asked before it is shown: it may end meanwhile, which has to be shown, too
      yield this.#view();
      if (isLast) return;
      await changed;
    }
  }

  /** Takes part with a device that has dialled and said hello. Undefined when the window is not for it, or not now. */
  receive(connection: PairConnection, hello: unknown): Promise<void> | undefined {
    const { self } = this.#deps;
    const { peer } = connection;
    if (this.#result !== undefined || peer === self) return undefined;
    if (this.#target !== undefined && this.#target.id !== peer) return undefined;
    const current = this.#attempt;
    if (current !== undefined) {
      // Both have called: the lower id goes on as the dialler.
      const crossed = current.role === "dialler" && current.state.phase === "greeting" && current.peer === peer;
      if (!crossed || self < peer) return undefined;
      this.#attempt = undefined;
      current.cancel(new LanxferError("E_CANCELLED"));
    }
    return this.#conduct("listener", connection, hello);
  }

  /** What the user typed. */
  type(code: string): Verdict {
    return this.#attempt?.type(code) ?? "unasked";
  }

  cancel(error: LanxferError): void {
    if (this.#attempt === undefined) void this.#fail(error);
    else this.#attempt.cancel(error);
  }

  async #call(to: Recipient): Promise<void> {
    const { clock } = this.#deps;
    const over = this.#over.signal;
    while (!over.aborted) {
      if (this.#attempt === undefined) await this.#callOnce(to);
      await clock.sleep(AGAIN_MS, over).catch(() => {});
    }
  }

  async #callOnce(to: Recipient): Promise<void> {
    const over = this.#over.signal;
    try {
      await this.#deps.visit(to, over, [], async (connection) => {
        // The other device's call may have come first.
        if (this.#attempt === undefined && !over.aborted) await this.#conduct("dialler", connection, undefined);
      });
    } catch (thrown) {
      if (over.aborted) return;
      const error = toLanxferError(thrown);
      if (!error.kind.retryable) return await this.#fail(error);
      this.#problem = error;
      this.#wake();
    }
  }

  async #conduct(role: Role, connection: PairConnection, hello: unknown): Promise<void> {
    const { clock, random, trust, introduction, met } = this.#deps;
    const pin = (device: { readonly id: DeviceId; readonly name: string }) => trust.pair(device);
    const again = trust.get(connection.peer) !== undefined;
    const changed = () => this.#wake();
    const own = introduction();
    const attempt = new Attempt({ role, own, random, connection, clock, pin, changed });
    this.#attempt = attempt;
    const outcome = await attempt.run(hello);
    if (this.#attempt !== attempt) return; // the other device's call took its place
    this.#attempt = undefined;
    this.#problem = undefined;
    if (outcome.kind !== "paired") return await this.#failed(role, outcome);
    met(connection.link, outcome.partner);
    const device = trust.get(outcome.partner.id);
    if (device === undefined) return await this.#fail(new LanxferError("E_NO_DEVICE", { name: outcome.partner.name }));
    this.#finish({ kind: "paired", device, mutual: outcome.mutual, again });
  }

  /** Ends the window where it has to end. */
  async #failed(role: Role, outcome: Exclude<Outcome, { kind: "paired" }>): Promise<void> {
    if (outcome.kind === "failed") {
      const { error, counts } = outcome;
      if (counts) this.#failures++;
      // A device that was named is not called again: each attempt is a chance for whoever stands between.
      const tried = counts && (this.#target !== undefined || this.#failures >= MOST_FAILURES);
      const ours = ["E_CANCELLED", "E_STOPPING", "E_PAIR_CODE", "E_STATE"].includes(error.code);
      if (tried || ours || (role === "dialler" && !error.kind.retryable)) return await this.#fail(error);
    }
    if (this.#deps.clock.monotonic() >= this.#end) return await this.#fail(nobodyCame(this.#target));
    this.#wake();
  }

  async #fail(error: LanxferError): Promise<void> {
    if (this.#result !== undefined) return;
    const result: Result = { kind: "failed", error };
    this.#result = result;
    const { lock, log } = this.#deps;
    if (this.#failures > 0) await lock.failed().catch((err) => log.error({ err }, "failed pairing not remembered"));
    this.#finish(result);
  }

  #finish(result: Result): void {
    this.#result = result;
    this.#over.abort();
    this.#wake();
  }

  #view(): PairingView {
    const { clock, trust } = this.#deps;
    const result = this.isOpen ? undefined : this.#result; // not before it is on disk
    if (result?.kind === "failed") return { state: "failed", error: toView(result.error) };
    if (result?.kind === "paired") {
      return { state: "paired", device: deviceView(result.device), mutual: result.mutual, again: result.again };
    }
    const left = (end: number) => Math.max(0, Math.round(end - clock.monotonic()));
    const attempt = this.#attempt;
    switch (attempt?.state.phase) {
      case "comparing":
        return comparingView(attempt.state, trust.list(), left(attempt.deadline));
      case "pinning":
      case "closing":
        return { state: "finishing", peer: peerOf(attempt.state.partner) };
      default:
        return {
          state: "waiting",
          peer: this.#target === undefined ? null : peerOf(this.#target),
          namesake: this.#target === undefined ? null : namesakeView(this.#target, trust.list()),
          problem: this.#problem === undefined ? null : toView(this.#problem),
          failures: this.#failures,
          left: left(this.#end),
        };
    }
  }
}

function comparingView(
  { partner, codes, agreedHere }: Comparing,
  devices: readonly Device[],
  left: number,
): PairingView {
  const { id, name } = partner;
  return {
    state: "comparing",
    peer: peerOf(partner),
    petname: devices.find((device) => device.id === id)?.name ?? null,
    namesake: namesakeView({ id, name: petnameFrom(name, id) }, devices),
    code: codes.shown,
    typed: agreedHere,
    left,
  };
}

function namesakeView(peer: Recipient, devices: readonly Device[]): DeviceView | null {
  const namesake = namesakeOf(peer, devices);
  return namesake === undefined ? null : deviceView(namesake);
}

function peerOf({ id, name }: Recipient) {
  return { id, short: shortId(id), name };
}

function nobodyCame(target: Recipient | undefined): LanxferError {
  return new LanxferError("E_TIMEOUT", { peer: target?.name ?? "the other device", text: "pairing" });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
