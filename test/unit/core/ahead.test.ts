import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Budget, coalesce, mapAhead, until } from "../../../src/core/ahead.ts";

/** A promise and the ways to settle it. */
function settled<Value>() {
  let resolve: (value: Value) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe("mapping ahead", () => {
  /** Numbers from 0, and whether the source was asked to end. */
  function numbers(count: number) {
    const state = { given: 0, closed: false };
    async function* source() {
      try {
        while (state.given < count) yield state.given++;
      } finally {
        state.closed = true;
      }
    }
    return { state, source: source() };
  }

  it("keeps the order although later ones are ready first, and has no more than its width under way", async () => {
    let running = 0;
    let most = 0;
    const work = Array.from({ length: 10 }, () => settled<void>());
    const results = mapAhead(numbers(10).source, 3, async (n) => {
      most = Math.max(most, ++running);
      await work[n]?.promise;
      running--;
      return n;
    });
    const seen = (async () => {
      const got: number[] = [];
      for await (const n of results) got.push(n);
      return got;
    })();
    for (const start of [0, 3, 6, 9]) {
      for (const n of [2, 1, 0]) {
        work[start + n]?.resolve();
        await turn();
      }
    }
    expect(await seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(most).toBe(3);
  });

  it("throws a failure when its turn comes, after what came before it, and lets go of the source", async () => {
    const { state, source } = numbers(100);
    const got: number[] = [];
    const consume = async () => {
      const results = mapAhead(source, 4, async (n) => {
        if (n === 2) throw new Error("two");
        return n;
      });
      for await (const n of results) got.push(n);
    };
    await expect(consume()).rejects.toThrow("two");
    expect(got).toEqual([0, 1]);
    expect(state.closed).toBe(true);
    expect(state.given).toBeLessThanOrEqual(7);
  });

  it("waits for what is under way when the consumer stops, also for what fails then", async () => {
    const { state, source } = numbers(100);
    const late = settled<number>();
    let ended = false;
    for await (const first of mapAhead(source, 2, async (n) => (n === 0 ? n : late.promise))) {
      expect(first).toBe(0);
      setImmediate(() => {
        ended = true;
        late.reject(new Error("nobody sees it"));
      });
      break;
    }
    expect(ended).toBe(true);
    expect(state.closed).toBe(true);
  });

  it("throws what the source throws, and yields nothing for an empty one", async () => {
    async function* broken() {
      yield 1;
      throw new Error("source");
    }
    const drain = async (source: AsyncIterable<number>) => {
      const got: number[] = [];
      for await (const n of mapAhead(source, 2, async (value) => value)) got.push(n);
      return got;
    };
    await expect(drain(broken())).rejects.toThrow("source");
    expect(await drain(numbers(0).source)).toEqual([]);
  });
});

describe("a budget", () => {
  it("lets in what fits, and the others in the order in which they came", async () => {
    const budget = new Budget(10);
    const order: string[] = [];
    const enter = (name: string, units: number) => budget.take(units).then(() => order.push(name));
    await enter("a", 6);
    await enter("b", 4);
    const c = enter("c", 8);
    const d = enter("d", 1); // would fit beside a, but c was first
    budget.give(4);
    await turn();
    expect(order).toEqual(["a", "b"]);
    budget.give(6);
    await Promise.all([c, d]);
    expect(order).toEqual(["a", "b", "c", "d"]);
  });

  it("lets in one that is larger than all of it, alone", async () => {
    const budget = new Budget(10);
    await budget.take(1);
    let entered = false;
    const large = budget.take(100).then(() => {
      entered = true;
    });
    await turn();
    expect(entered).toBe(false);
    budget.give(1);
    await large;
    const next = budget.take(1);
    budget.give(100);
    await next;
  });
});

describe("coalesced work", () => {
  /** Work that ends when the test says so. */
  function counted() {
    const runs: ReturnType<typeof settled<void>>[] = [];
    let running = 0;
    const state = { most: 0, runs };
    const call = coalesce(async () => {
      state.most = Math.max(state.most, ++running);
      const run = settled<void>();
      runs.push(run);
      await run.promise.finally(() => running--);
    });
    return { state, call };
  }

  it("runs at once for the first, and once more for all who ask meanwhile", async () => {
    const { state, call } = counted();
    const first = call();
    const later = [call(), call(), call()];
    expect(state.runs).toHaveLength(1);
    state.runs[0]?.resolve();
    await first;
    await turn();
    expect(state.runs).toHaveLength(2);
    state.runs[1]?.resolve();
    await Promise.all(later);
    expect(state.most).toBe(1);
    const again = call();
    expect(state.runs).toHaveLength(3);
    state.runs[2]?.resolve();
    await again;
  });

  it("tells a failure to those who waited for that run only", async () => {
    const { state, call } = counted();
    const first = call();
    const second = call();
    state.runs[0]?.reject(new Error("EIO"));
    await expect(first).rejects.toThrow("EIO");
    await turn();
    state.runs[1]?.resolve();
    await second;
  });

  it("never runs twice at once, whichever moment somebody asks at", async () => {
    for (let ticks = 0; ticks < 12; ticks++) {
      const { state, call } = counted();
      const asked = [call(), call()];
      state.runs[0]?.resolve();
      for (let tick = 0; tick < ticks; tick++) await undefined;
      const before = state.runs.length;
      asked.push(call());
      while (state.runs.length < 2) await turn();
      for (let n = 1; n < 4; n++) {
        state.runs[n]?.resolve();
        await turn();
      }
      await Promise.all(asked);
      expect(state.most, `asked after ${ticks} steps`).toBe(1);
      // Whoever asked got a run that had not begun before.
      expect(state.runs.length).toBeGreaterThan(before);
    }
  });
});

describe("a source that can be given up", () => {
  const watched = (next: () => Promise<IteratorResult<number, undefined>>) => {
    const seen = { ended: 0 };
    const iterator: AsyncIterator<number, undefined> = {
      next,
      return: async () => {
        seen.ended++;
        return { done: true, value: undefined };
      },
    };
    return { seen, source: { [Symbol.asyncIterator]: () => iterator } };
  };
  const collect = async (source: AsyncIterable<number>, got: number[] = []) => {
    for await (const value of source) got.push(value);
    return got;
  };

  it("yields all, in its order, and leaves no listener behind", async () => {
    let n = 0;
    const { source } = watched(async () =>
      n < 1_000 ? { done: false, value: n++ } : { done: true, value: undefined },
    );
    const stop = new AbortController();
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on("warning", warn); // of more than ten listeners
    expect(await collect(until(stop.signal, source))).toHaveLength(1_000);
    await turn();
    process.off("warning", warn);
    expect(warnings).toEqual([]);
  });

  it("throws the reason while nothing comes, and lets go of the source", async () => {
    const { seen, source } = watched(() => new Promise(() => {}));
    const stop = new AbortController();
    const collecting = collect(until(stop.signal, source));
    const rejected = expect(collecting).rejects.toThrow("enough");
    await turn();
    stop.abort(new Error("enough"));
    await rejected;
    expect(seen.ended).toBe(1);
  });

  it("throws at once for a signal that has aborted, whatever there is", async () => {
    const { source } = watched(async () => ({ done: false, value: 1 }));
    await expect(collect(until(AbortSignal.abort(new Error("before")), source))).rejects.toThrow("before");
  });

  it("throws what the source throws, and ends it when its reader stops", async () => {
    const broken = watched(() => Promise.reject(new Error("broken")));
    await expect(collect(until(new AbortController().signal, broken.source))).rejects.toThrow("broken");
    const { seen, source } = watched(async () => ({ done: false, value: 1 }));
    for await (const _ of until(new AbortController().signal, source)) break;
    expect(seen.ended).toBe(1);
  });
});
