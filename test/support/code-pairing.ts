/** Pairing by code as the users of test daemons do it: one opens a window, looks, types. */

import type { ControlClient } from "../../src/control/client.ts";
import type { PairingView } from "../../src/control/schema.ts";
import { eventually } from "./process.ts";

type State = PairingView["state"];
type ViewOf<S extends State> = Extract<PairingView, { state: S }>;

/** A daemon whose user pairs. */
export interface Pairing {
  readonly name: string;
  readonly client: ControlClient;
}

/** A window that a user of `daemon` holds open. It is closed with the room at the latest. */
export class Window implements AsyncDisposable {
  /** All that there was to see. */
  readonly seen: PairingView[] = [];
  /** Resolves when it is over, however it ended; rejects when it could not be opened. */
  readonly over: Promise<void>;
  readonly #daemon: Pairing;
  readonly #holding = new AbortController();

  /** For `peer` only, when one is named. */
  constructor(daemon: Pairing, peer?: string | { readonly id: string }) {
    this.#daemon = daemon;
    const name = typeof peer === "string" ? peer : peer?.id;
    this.over = this.#watch(name === undefined ? {} : { peer: name });
    this.over.catch(() => {});
  }

  /** The window when it stands so; throws when it is over before. */
  async when<S extends State>(state: S, timeoutMs = 15_000): Promise<ViewOf<S>> {
    const look = async () => {
      const last = this.seen.at(-1);
      if (last?.state === state) return last as ViewOf<S>; // just compared
      if (last?.state === "failed" || last?.state === "paired") throw new Error(`it is over: ${JSON.stringify(last)}`);
      return undefined;
    };
    return eventually(`${this.#daemon.name} is ${state}`, look, { timeoutMs, everyMs: 5 });
  }

  /** How it ended. */
  async result(timeoutMs = 15_000): Promise<PairingView> {
    const look = async () => {
      const last = this.seen.at(-1);
      return last?.state === "failed" || last?.state === "paired" ? last : undefined;
    };
    return eventually(`${this.#daemon.name} has paired or failed`, look, { timeoutMs, everyMs: 5 });
  }

  async type(code: string): Promise<string> {
    return (await this.#daemon.client.call("post", "/v1/pairing-window/code", { json: { code } })).verdict;
  }

  /** The user gives up, or is gone. */
  close(): void {
    this.#holding.abort();
  }

  /** The same; resolves when the daemon has noticed, so that another one can be opened. */
  async gone(): Promise<void> {
    this.close();
    await this.over;
    await eventually(`${this.#daemon.name} has closed the window`, async () => {
      const { pairing } = await this.#daemon.client.call("get", "/v1/status", {});
      return pairing === "open" ? undefined : true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.over.catch(() => {});
  }

  async #watch(request: { readonly peer?: string }): Promise<void> {
    for await (const view of this.#daemon.client.pair(request, this.#holding.signal)) this.seen.push(view);
  }
}

/** Both users type what the other device shows. */
export async function typeAcross(a: Window, b: Window): Promise<void> {
  const [shownByA, shownByB] = [(await a.when("comparing")).code, (await b.when("comparing")).code];
  await a.type(shownByB);
  await b.type(shownByA);
}

/** Six digits that are neither of these. */
export function otherThan(...codes: readonly string[]): string {
  const found = ["000000", "000001", "000002"].find((code) => !codes.includes(code));
  if (found === undefined) throw new Error("three codes are more than two");
  return found;
}
