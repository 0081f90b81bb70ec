/** A window of which only the calls matter: what they meet is staged, the rest is real. */

import { randomBytes } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import type { PairingView } from "../../../src/control/schema.ts";
import { LanxferError } from "../../../src/core/errors.ts";
import { silentLog } from "../../../src/core/log.ts";
import { PairingWindow } from "../../../src/daemon/pairing/window.ts";
import type { PairingLock } from "../../../src/identity/pairing-lock.ts";
import { openTrustStore } from "../../../src/identity/trust-store.ts";
import { SkippingClock } from "../../support/skipping-clock.ts";
import { directories } from "../identity/support/directory.ts";
import { idOf } from "../identity/support/ids.ts";

const directory = directories();
const BOB = { id: idOf("bob"), name: "bob" };

/** A window for bob, each call to whom ends with the next of `answers`. */
async function calling(...answers: readonly LanxferError[]) {
  const clock = new SkippingClock();
  const failures: number[] = [];
  const lock: PairingLock = {
    locked: false,
    async failed() {
      failures.push(clock.now());
    },
    async unlock() {},
  };
  let calls = 0;
  const window = new PairingWindow(
    {
      self: idOf("alice"),
      clock,
      log: silentLog,
      random: randomBytes,
      trust: await openTrustStore(await directory(), clock),
      lock,
      introduction: () => ({ name: "alice", port: 1 }),
      async visit(_to, signal) {
        const answer = answers[calls++];
        if (answer !== undefined) throw answer;
        return await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        });
      },
      met() {},
    },
    BOB,
  );
  const holder = new AbortController();
  const running = window.run(holder.signal);
  onTestFinished(async () => {
    holder.abort();
    await running;
  });
  const seen: PairingView[] = [];
  const watching = (async () => {
    for await (const view of window.views()) seen.push(view);
  })();
  return { clock, window, holder, running, watching, seen, failures, calls: () => calls };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe("A window for one device", () => {
  it.each(["E_IDENTITY", "E_VERSION"] as const)("is over when a call meets what will not change: %s", async (code) => {
    const { watching, running, seen, failures, calls } = await calling(new LanxferError(code, { peer: "bob" }));
    await Promise.all([watching, running]);
    expect(seen.at(-1)).toMatchObject({ state: "failed", error: { code } });
    expect(calls()).toBe(1);
    expect(failures).toEqual([]);
  });

  it("calls again after two seconds when the device was away, and says why", async () => {
    const away = new LanxferError("E_UNREACHABLE", { peer: "bob" });
    const { clock, seen, calls, holder, watching, failures } = await calling(away, away);
    await turn();
    expect(seen.at(-1)).toMatchObject({ state: "waiting", peer: { name: "bob" }, problem: { code: "E_UNREACHABLE" } });
    clock.skip(1_900);
    await turn();
    expect(calls()).toBe(1);
    clock.skip(200);
    await turn();
    expect(calls()).toBe(2);
    holder.abort();
    await watching;
    expect(seen.at(-1)).toMatchObject({ state: "failed", error: { code: "E_CANCELLED" } });
    expect(failures).toEqual([]);
  });

  it("ends a call that is under way when its time is over", async () => {
    const { clock, window, running, watching, seen } = await calling();
    await turn();
    clock.skip(120_500);
    await Promise.all([running, watching]);
    expect(window.isOpen).toBe(false);
    expect(seen.at(-1)).toMatchObject({ state: "failed", error: { code: "E_TIMEOUT" } });
  });

  it("is not even begun when its holder has left already", async () => {
    const { holder, window, running } = await calling();
    holder.abort();
    await running;
    expect(window.isOpen).toBe(false);
    expect(window.type("123456")).toBe("unasked");
  });
});
