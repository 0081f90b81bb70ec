import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../src/core/clock.ts";
import { LanxferError } from "../../../src/core/errors.ts";
import { firstToAnswer, type Targets } from "../../../src/daemon/outgoing/dialer.ts";

/** A clock whose sleeps end when the test says so. */
class HandClock implements Clock {
  readonly #sleeping: (() => void)[] = [];
  readonly now = systemClock.now;
  readonly monotonic = systemClock.monotonic;
  readonly after = systemClock.after;
  readonly every = systemClock.every;
  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sleeping.push(resolve);
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }
  async pass(): Promise<void> {
    for (const wake of this.#sleeping.splice(0)) wake();
    await settle();
  }
}

const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

/** Attempts that succeed, fail or hang as the test decides. */
class Network {
  readonly tried: string[] = [];
  readonly destroyed: string[] = [];
  readonly aborted: string[] = [];
  readonly #pending = new Map<string, { answer: () => void; fail: (error: LanxferError) => void }>();
  #found: (target: string) => void = () => {};
  watching = false;

  targets(...known: string[]): Targets<string> {
    return {
      known,
      key: (target) => target,
      watch: (found) => {
        this.#found = found;
        this.watching = true;
        return () => {
          this.watching = false;
        };
      },
    };
  }

  readonly attempt = (target: string, signal: AbortSignal) =>
    new Promise<{ target: string; destroy: () => void }>((resolve, reject) => {
      this.tried.push(target);
      const destroy = () => void this.destroyed.push(target);
      this.#pending.set(target, { answer: () => resolve({ target, destroy }), fail: reject });
      signal.addEventListener("abort", () => {
        this.aborted.push(target);
        reject(signal.reason);
      });
    });

  async answer(target: string): Promise<void> {
    this.#pending.get(target)?.answer();
    await settle();
  }

  async fail(target: string, code: "E_IDENTITY" | "E_UNREACHABLE" | "E_TIMEOUT"): Promise<void> {
    this.#pending.get(target)?.fail(new LanxferError(code, { text: target }));
    await settle();
  }

  async find(target: string): Promise<void> {
    this.#found(target);
    await settle();
  }
}

describe("the first address to answer", () => {
  const never = new AbortController().signal;

  it("is tried alone for a moment, then the next one as well", async () => {
    const [clock, network] = [new HandClock(), new Network()];
    const link = firstToAnswer(network.targets("a", "b", "c"), network.attempt, clock, never);
    await settle();
    expect(network.tried).toEqual(["a"]);
    await clock.pass();
    expect(network.tried).toEqual(["a", "b"]);
    await network.answer("b");
    expect((await link).target).toBe("b");
    expect(network.aborted).toContain("a");
    expect(network.tried).not.toContain("c");
    expect(network.watching).toBe(false);
  });

  it("follows a refusal at once", async () => {
    const [clock, network] = [new HandClock(), new Network()];
    const link = firstToAnswer(network.targets("a", "b"), network.attempt, clock, never);
    await settle();
    await network.fail("a", "E_UNREACHABLE");
    expect(network.tried).toEqual(["a", "b"]);
    await network.answer("b");
    expect((await link).target).toBe("b");
  });

  it("may be one that becomes known while the others hang, and none is tried twice", async () => {
    const [clock, network] = [new HandClock(), new Network()];
    const link = firstToAnswer(network.targets("old"), network.attempt, clock, never);
    await settle();
    await network.find("old");
    await network.find("new");
    expect(network.tried).toEqual(["old", "new"]);
    await network.answer("new");
    expect((await link).target).toBe("new");
  });

  it("is none when all fail; another key is the reason that counts", async () => {
    const [clock, network] = [new HandClock(), new Network()];
    const link = firstToAnswer(network.targets("a", "b"), network.attempt, clock, never);
    link.catch(() => {});
    await settle();
    await network.fail("a", "E_TIMEOUT");
    await network.fail("b", "E_IDENTITY");
    await expect(link).rejects.toMatchObject({ code: "E_IDENTITY" });
  });

  it("is none where no address is known", async () => {
    const network = new Network();
    const link = firstToAnswer(network.targets(), network.attempt, new HandClock(), never);
    await expect(link).rejects.toMatchObject({ code: "E_UNREACHABLE" });
  });

  it("is not waited for when the user cancels", async () => {
    const [clock, network] = [new HandClock(), new Network()];
    const cancel = new AbortController();
    const link = firstToAnswer(network.targets("a"), network.attempt, clock, cancel.signal);
    link.catch(() => {});
    await settle();
    cancel.abort(new LanxferError("E_CANCELLED"));
    await expect(link).rejects.toMatchObject({ code: "E_CANCELLED" });
    expect(network.aborted).toEqual(["a"]);
  });
});
