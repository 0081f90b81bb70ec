/**
 * `pair [PEER]`: what a user sees and types while two devices pair by code. The
 * daemon holds the state; this shows it, asks for the code, and keeps the window
 * open for as long as it runs.
 */

import type { ControlClient } from "../../control/client.ts";
import type { PairingView } from "../../control/schema.ts";
import { assertNever } from "../../core/assert.ts";
import { type ExitCode, LanxferError } from "../../core/errors.ts";
import { cut, safe } from "../../core/text.ts";
import type { Ui } from "../ui.ts";

type ViewOf<S extends PairingView["state"]> = Extract<PairingView, { state: S }>;

const SECOND = 1_000;

export async function pairByCode(
  client: ControlClient,
  peer: string | undefined,
  ui: Ui,
  signal: AbortSignal,
): Promise<ExitCode> {
  if (!ui.hasPerson) throw new LanxferError("E_NO_TERMINAL");
  const { name } = await client.call("get", "/v1/id", {}, signal);
  const views = client.pair(peer === undefined ? {} : { peer }, signal);
  const dialogue = new Dialogue(client, ui, name, signal);
  try {
    for await (const view of views) {
      const exit = dialogue.show(view);
      if (exit !== undefined) return exit;
    }
  } finally {
    dialogue.close();
  }
  throw new LanxferError(signal.aborted ? "E_CANCELLED" : "E_DAEMON_DOWN");
}

class Dialogue {
  readonly #client: ControlClient;
  readonly #ui: Ui;
  /** Our own name, for what is to be typed on the other device. */
  readonly #self: string;
  readonly #signal: AbortSignal;
  readonly #stopClock: () => void;
  #view: PairingView | undefined;
  /** When what the view allows is over. */
  #end = 0;
  /** Attempts of others that failed. */
  #failures = 0;
  /** Ends the question that is open. */
  #asking: AbortController | undefined;

  constructor(client: ControlClient, ui: Ui, self: string, signal: AbortSignal) {
    this.#client = client;
    this.#ui = ui;
    this.#self = self;
    this.#signal = signal;
    this.#stopClock = ui.clock.every(SECOND, () => this.#draw());
  }

  /** Returns the exit status when it is over. */
  show(view: PairingView): ExitCode | undefined {
    const before = this.#view;
    this.#view = view;
    if ("left" in view) this.#end = this.#ui.clock.monotonic() + view.left;
    if (view.state !== "comparing" || view.typed) this.#stopAsking();
    switch (view.state) {
      case "waiting":
        if (before === undefined) this.#ui.notice(...this.#invitation(view));
        else if (view.failures > this.#failures) this.#ui.notice("the other side gave up; still waiting");
        this.#failures = view.failures;
        break;
      case "comparing":
        if (before?.state !== "comparing") this.#introduce(view);
        break;
      case "finishing":
        this.#ui.clearStatus();
        break;
      case "paired":
        return this.#paired(view);
      case "failed":
        return this.#ui.failedAs(view.error);
      default:
        return assertNever(view);
    }
    this.#draw();
    return undefined;
  }

  close(): void {
    this.#stopClock();
    this.#stopAsking();
  }

  #invitation({ peer, namesake }: ViewOf<"waiting">): string[] {
    if (peer === null) return [`waiting for another device: there, run "lanxferctl pair ${safe(this.#self)}"`];
    const name = safe(peer.name);
    const call = `waiting for ${name}: on that device, run "lanxferctl pair"`;
    if (namesake === null) return [call];
    const [theirs, ours] = [safe(peer.short), `${safe(namesake.name)} (${safe(namesake.short)})`];
    return [`careful: this ${name} (${theirs}) is another device than ${ours}, which is paired`, call];
  }

  #introduce({ peer, petname, namesake, code }: ViewOf<"comparing">): void {
    const name = safe(peer.name);
    this.#ui.notice(`${name} (${safe(peer.short)}) is ready`);
    if (petname !== null) this.#ui.notice(`it is paired already, as ${safe(petname)}`);
    if (namesake !== null) {
      const [other, short] = [safe(namesake.name), safe(namesake.short)];
      this.#ui.notice(
        `careful: another device called ${other} (${short}) is paired already, so this one gets another name`,
        `if that one was set up anew, leave with Ctrl-C and run "lanxferctl unpair ${other}" first`,
      );
    }
    this.#ui.notice("", `  type this code on ${name}:  ${grouped(code)}`, "");
    const asking = new AbortController();
    this.#asking = asking;
    void this.#askFor(name, AbortSignal.any([this.#signal, asking.signal]));
  }

  /** Asks until the code is right or the pairing is over, of which the next view tells. */
  async #askFor(name: string, signal: AbortSignal): Promise<void> {
    const prompt = () => `code that ${name} shows (${this.#left()}): `;
    try {
      for (let verdict = ""; verdict !== "right" && verdict !== "wrong"; ) {
        const code = (await this.#ui.ask(prompt, signal)).replace(/[\s-]/g, "");
        if (!/^\d{6}$/.test(code)) {
          this.#ui.notice("a code has six digits");
          continue;
        }
        const json = { code };
        verdict = (await this.#client.call("post", "/v1/pairing-window/code", { json }, signal)).verdict;
        if (verdict === "own") this.#ui.notice(`that is the code of this device: type the one that ${name} shows`);
      }
    } catch (error) {
      // What else ended the question ends the dialogue, and is told there.
      if (!signal.aborted && !(error instanceof LanxferError)) this.#ui.failed(error);
    }
  }

  #stopAsking(): void {
    this.#asking?.abort();
    this.#asking = undefined;
  }

  #draw(): void {
    const view = this.#view;
    if (view?.state === "waiting") {
      const problem = view.problem === null ? "" : `${safe(view.problem.message)}; trying again `;
      this.#status(`${problem}(${this.#left()})`);
    } else if (view?.state === "comparing" && view.typed) {
      this.#status(`right; now the code of this device has to be typed on ${safe(view.peer.name)} (${this.#left()})`);
    }
  }

  #status(text: string): void {
    this.#ui.status(cut(text, this.#ui.statusColumns));
  }

  #paired({ device, mutual }: ViewOf<"paired">): ExitCode {
    const name = safe(device.name);
    this.#ui.print(`paired with ${name} (${safe(device.short)})`);
    if (!mutual) {
      this.#ui.notice(`${name} did not say that it has finished, too: if it refuses what you send, pair again`);
    }
    return 0;
  }

  /** `1:05` */
  #left(): string {
    const seconds = Math.max(0, Math.ceil((this.#end - this.#ui.clock.monotonic()) / SECOND));
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

function grouped(code: string): string {
  return safe(`${code.slice(0, 3)} ${code.slice(3)}`);
}
