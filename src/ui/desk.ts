/**
 * The page's own copy of how things stand: follows the events of the daemon for
 * as long as the page is open, finds it again when it was gone, and does what
 * users do here. Whoever shows something subscribes.
 */

import type { ControlEvent } from "../control/schema.ts";
import { advance, startProgress } from "../core/progress.ts";
import { ApiError, call, GONE, lines, problemOf, upload } from "./api.ts";
import { apply, type Handover, type Model, NOTHING, type Notice } from "./model.ts";
import { bundleOf, namesOf, type Picked } from "./picked.ts";
import type { Problem } from "./problem.ts";
import { Session } from "./session.ts";
import { after, sleep, steadyNow } from "./time.ts";
import { name, sentence, stateOf, what, whatOf } from "./words.ts";

/** How long to wait before asking for the daemon again (ms): it may be started at any moment. */
const AGAIN_MS = 1_000;
/** The same, when it does not let this page in: another one may be let in, and shares its cookie. */
const ENDED_MS = 10_000;
/** How long a notice stays (ms). */
const NOTICE_MS = 8_000;
const MOST_NOTICES = 4;

/** What is handed over, kept so that it can be tried again. */
interface Load {
  readonly to: Handover["to"] & { readonly paired: boolean };
  readonly picked: readonly Picked[];
  readonly stop: AbortController;
}

export class Desk {
  readonly #session = new Session();
  readonly #watchers = new Set<() => void>();
  readonly #loads = new Map<number, Load>();
  #model: Model = NOTHING;
  #ids = 0;
  #drawing = false;
  #reading = false;
  #stale = false;

  get model(): Model {
    return this.#model;
  }

  /** Tells at most once a frame. Returns how to stop. */
  subscribe(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Follows the daemon until the signal aborts. Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    // An address that was used already may be opened again where it was used.
    await this.#session.enter().catch(() => {});
    while (!signal.aborted) {
      try {
        await this.#session.resume();
        for await (const event of lines<ControlEvent>("GET", "/v1/events", undefined, signal)) this.#take(event);
        throw new ApiError(GONE);
      } catch (error) {
        this.#change({ link: problemOf(error).code === "E_SESSION" ? "ended" : "gone" });
      }
      await sleep(this.#model.link === "ended" ? ENDED_MS : AGAIN_MS, signal);
    }
  }

  /** Reads what the events do not tell: who we are, and who is paired. */
  async refresh(): Promise<void> {
    this.#stale = true;
    if (this.#reading) return;
    this.#reading = true;
    while (this.#stale) {
      this.#stale = false;
      await this.#read();
    }
    this.#reading = false;
  }

  async #read(): Promise<void> {
    try {
      const [self, { devices }] = await Promise.all([call("get", "/v1/id", {}), call("get", "/v1/devices", {})]);
      this.#change({ self, devices });
    } catch (error) {
      this.#tellUnlessGone(problemOf(error));
    }
  }

  /** Runs something that a user wants; says so when it does not work. Resolves to whether it did. */
  async attempt(work: () => Promise<unknown>, success?: string): Promise<boolean> {
    try {
      await work();
      if (success !== undefined) this.notice("good", success);
      return true;
    } catch (error) {
      const { message, hint } = problemOf(error);
      this.notice("bad", hint === undefined ? sentence(message) : `${sentence(message)} (${hint})`);
      return false;
    }
  }

  notice(tone: Notice["tone"], text: string): void {
    const id = this.#nextId();
    this.#change({ notices: [...this.#model.notices, { id, tone, text }].slice(-MOST_NOTICES) });
    after(NOTICE_MS, () => this.dismissNotice(id));
  }

  dismissNotice(id: number): void {
    this.#change({ notices: this.#model.notices.filter((notice) => notice.id !== id) });
  }

  /** Takes the row of a transfer that has ended away; it stays in the history. */
  dismissTransfer(id: string): void {
    const transfers = new Map(this.#model.transfers);
    transfers.delete(id);
    this.#change({ transfers });
  }

  /** Hands files and folders over for a device; the daemon sends them when it has them all. */
  send(to: Load["to"], picked: readonly Picked[]): void {
    if (picked.length === 0) return;
    const id = this.#nextId();
    this.#loads.set(id, { to, picked, stop: new AbortController() });
    void this.#hand(id);
  }

  /** The same again, after it failed. */
  handAgain(id: number): void {
    const load = this.#loads.get(id);
    if (load === undefined) return;
    this.#loads.set(id, { ...load, stop: new AbortController() });
    void this.#hand(id);
  }

  /** Ends a hand-over, or takes the row of one that has failed away. */
  dropHandover(id: number): void {
    this.#loads.get(id)?.stop.abort();
    this.#loads.delete(id);
    this.#handover(id, undefined);
  }

  async #hand(id: number): Promise<void> {
    const load = this.#loads.get(id);
    if (load === undefined) return;
    const { to, picked, stop } = load;
    const names = namesOf(picked);
    const content = bundleOf(picked);
    const state = { state: "running", bytes: content.size, moved: 0 };
    const begun = { id, to, names, progress: startProgress(state, steadyNow()), problem: null };
    this.#handover(id, begun);
    const moved = (bytes: number) => {
      const current = this.#model.handovers.get(id) ?? begun;
      const progress = advance(current.progress, { ...state, moved: bytes }, steadyNow());
      this.#handover(id, { ...current, progress });
    };
    try {
      const view = await upload({ peer: to.id, unpaired: !to.paired }, content, moved, stop.signal);
      this.#take({ type: "transfer", seq: 0, transfer: view });
      this.#loads.delete(id);
      this.#handover(id, undefined);
    } catch (error) {
      const problem = problemOf(error);
      if (problem.code === "E_CANCELLED") return;
      this.#handover(id, { ...(this.#model.handovers.get(id) ?? begun), problem });
      this.notice("bad", `${what(names)} for ${name(to.name)}: ${sentence(problem.message)}`);
    }
  }

  #handover(id: number, state: Handover | undefined): void {
    const handovers = new Map(this.#model.handovers);
    if (state === undefined || !this.#loads.has(id)) handovers.delete(id);
    else handovers.set(id, state);
    this.#change({ handovers });
  }

  #take(event: ControlEvent): void {
    const before = this.#model;
    this.#model = apply(before, event, steadyNow());
    if (event.type === "snapshot" || event.type === "peer") void this.refresh();
    if (event.type === "transfer" && this.#model.endings > before.endings) this.#announce(event.transfer);
    this.#draw();
  }

  /** Both ends are told how it ended. */
  #announce(transfer: Parameters<typeof stateOf>[0] & Parameters<typeof whatOf>[0]): void {
    const tone = transfer.state === "done" ? "good" : transfer.state === "failed" ? "bad" : "plain";
    this.notice(tone, `${whatOf(transfer)}: ${stateOf(transfer)}`);
  }

  #tellUnlessGone(problem: Problem): void {
    if (problem.code !== "E_DAEMON_DOWN" && problem.code !== "E_SESSION") this.notice("bad", sentence(problem.message));
  }

  #change(change: Partial<Model>): void {
    this.#model = { ...this.#model, ...change };
    this.#draw();
  }

  #draw(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    // A page that nobody looks at is given no frames; it is drawn when somebody does.
    requestAnimationFrame(() => {
      this.#drawing = false;
      for (const watcher of this.#watchers) watcher();
    });
  }

  #nextId(): number {
    this.#ids++;
    return this.#ids;
  }
}
