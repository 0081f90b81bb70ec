import { describe, expect, it } from "vitest";
import { deviceIdFromHash } from "../../../src/core/ids.ts";
import { type Lane, type Plan, plan, type Task, type World } from "../../../src/daemon/outgoing/plan.ts";

interface Named extends Task {
  readonly name: string;
}

const NEVER = Number.POSITIVE_INFINITY;
const NOW = 1_000;
const peer = (n: number) => deviceIdFromHash(new Uint8Array(32).fill(n));

function task(name: string, change: Partial<Task> = {}): Named {
  const fresh = { phase: "idle", paused: false, triedAt: -NEVER, dueAt: -NEVER, expiresAt: NEVER } as const;
  return { name, ...fresh, ...change };
}
function lane(n: number, tasks: readonly Named[], urgent = false): Lane<Named> {
  return { peer: peer(n), tasks, urgent };
}
function world(change: Partial<World> = {}): World {
  return { now: NOW, isPresent: () => false, seenAt: () => undefined, width: 4, ...change };
}
const names = (tasks: Iterable<Named>) => [...tasks].map(({ name }) => name);
const waitsOf = (made: Plan<Named>) => [...made.waits].map(([{ name }, why]) => [name, why]);

describe("the plan", () => {
  it("starts the first for each device, and lets the others wait for it", () => {
    const made = plan([lane(1, [task("a"), task("b")]), lane(2, [task("c")])], world());
    expect(names(made.start)).toEqual(["a", "c"]);
    expect([waitsOf(made), made.expire, made.lookAt]).toEqual([[], [], NEVER]);
  });

  it("starts nothing behind one that is being sent", () => {
    const made = plan([lane(1, [task("a", { phase: "running" }), task("b")])], world());
    expect(names(made.start)).toEqual([]);
  });

  it("passes over those that are paused", () => {
    const made = plan([lane(1, [task("a", { paused: true }), task("b")])], world());
    expect(names(made.start)).toEqual(["b"]);
  });

  it("waits until one that failed is due, or its device shows up", () => {
    const lanes = [lane(1, [task("a", { triedAt: 900, dueAt: 1_500 })])];
    const away = plan(lanes, world());
    expect([names(away.start), waitsOf(away), away.lookAt]).toEqual([[], [["a", "away"]], 1_500]);
    const there = plan(lanes, world({ isPresent: () => true, seenAt: () => 900 }));
    expect([names(there.start), waitsOf(there)]).toEqual([[], [["a", "again"]]]);
    expect(names(plan(lanes, world({ seenAt: () => 901 })).start)).toEqual(["a"]);
    expect(names(plan(lanes, world({ now: 1_500 })).start)).toEqual(["a"]);
  });

  it("sends to so many devices at a time and no more, those that are there first", () => {
    const lanes = [1, 2, 3, 4].map((n) => lane(n, [task(`${n}`)]));
    const made = plan(lanes, world({ width: 2, isPresent: (id) => id === peer(3) }));
    expect(names(made.start)).toEqual(["3", "1"]);
    expect(waitsOf(made)).toEqual([
      ["2", "turn"],
      ["4", "turn"],
    ]);
  });

  it("serves whoever has waited longest when all are there", () => {
    const lanes = [300, 100, 200].map((triedAt, n) => lane(n, [task(`${triedAt}`, { triedAt })]));
    expect(names(plan(lanes, world({ width: 2 })).start)).toEqual(["100", "200"]);
  });

  it("lets none wait for whom a user waits", () => {
    const busy = [1, 2].map((n) => lane(n, [task(`${n}`, { phase: "running" })]));
    expect(names(plan([...busy, lane(3, [task("now")], true)], world({ width: 2 })).start)).toEqual(["now"]);
  });

  it("ends what has waited long enough, and goes on with what is behind it", () => {
    const made = plan([lane(1, [task("a", { expiresAt: NOW }), task("b", { expiresAt: NOW + 1 })])], world());
    expect([names(made.expire), names(made.start), made.lookAt]).toEqual([["a"], ["b"], NOW + 1]);
  });

  it("takes ten thousand in its stride", () => {
    const tasks = Array.from({ length: 10_000 }, (_, n) => task(`${n}`, { expiresAt: NOW + n }));
    const made = plan([lane(1, tasks)], world());
    expect([names(made.expire), names(made.start)]).toEqual([["0"], ["1"]]);
  });
});

describe("every plan", () => {
  const phases: Partial<Task>[] = [
    {},
    { phase: "running" },
    { paused: true },
    { paused: true, expiresAt: NOW - 1 },
    { phase: "running", expiresAt: NOW - 1 },
    { expiresAt: NOW },
    { expiresAt: NOW + 50 },
    { triedAt: 900, dueAt: NOW + 100 },
    { triedAt: 900, dueAt: NOW + 100, expiresAt: NOW + 70 },
    { triedAt: 900, dueAt: NOW },
  ];
  const sequences: Partial<Task>[][] = [[], ...phases.map((one) => [one])];
  for (const one of phases) for (const two of phases) sequences.push([one, two]);
  const isPossible = (tasks: readonly Partial<Task>[]) => tasks.filter(({ phase }) => phase === "running").length < 2;
  const possible = sequences.filter(isPossible);
  const sights = [
    { present: false, seen: undefined },
    { present: true, seen: 900 },
    { present: true, seen: 950 },
    { present: false, seen: 950 },
  ];

  /** All that can be of two lanes with up to two transfers each, and of how their devices are seen. */
  function* scenes(): Generator<{ readonly lanes: Lane<Named>[]; readonly world: World }> {
    for (const [i, left] of possible.entries()) {
      for (const right of possible.slice(i % 7, undefined).filter((_, n) => n % 3 === 0)) {
        for (const sight of sights) {
          for (const width of [0, 1, 2]) {
            const lanes = [left, right].map((tasks, n) =>
              lane(
                n,
                tasks.map((each, at) => task(`${n}${at}`, each)),
                n === 1 && width === 0,
              ),
            );
            const isFirst = (id: string) => id === peer(0);
            yield {
              lanes,
              world: world({
                width,
                isPresent: (id) => isFirst(id) && sight.present,
                seenAt: (id) => (isFirst(id) ? sight.seen : undefined),
              }),
            };
          }
        }
      }
    }
  }

  it("keeps the order, the number and the word of the user, and wakes up when something changes", () => {
    let looked = 0;
    for (const { lanes, world: now } of scenes()) {
      looked++;
      const made = plan(lanes, now);
      // An expectation for each would take longer than all the rest.
      const wrong = [...broken(lanes, now, made), ...late(lanes, now, made)];
      if (wrong.length > 0) expect.fail(JSON.stringify({ wrong, lanes, made, width: now.width }));
    }
    expect(looked).toBeGreaterThan(10_000);
  });

  /** The rules that a plan does not keep. */
  function* broken(lanes: readonly Lane<Named>[], now: World, made: Plan<Named>): Generator<string> {
    const all = lanes.flatMap(({ tasks }) => tasks);
    const over = all.filter((each) => each.phase === "idle" && !each.paused && each.expiresAt <= NOW);
    if (`${names(made.expire)}` !== `${names(over)}`) yield "what has waited too long ends, and nothing else";
    const isBusy = ({ tasks }: Lane<Named>) => tasks.some(({ phase }) => phase === "running");
    for (const each of lanes) {
      const first = each.tasks.find((one) => one.phase === "idle" && !one.paused && one.expiresAt > NOW);
      const concerned = each.tasks.filter((one) => made.start.includes(one) || made.waits.has(one));
      const expected = isBusy(each) || first === undefined ? [] : [first];
      if (`${names(concerned)}` !== `${names(expected)}`) yield "the first of each that is not busy goes, or waits";
    }
    const queues = lanes.filter(({ urgent }) => !urgent);
    const busy = queues.filter(isBusy).length;
    const begun = queues.filter(({ tasks }) => tasks.some((one) => made.start.includes(one))).length;
    if (begun > 0 && busy + begun > now.width) yield "no more than so many at a time";
  }

  /** The rules that the time of the next look does not keep. */
  function* late(lanes: readonly Lane<Named>[], now: World, { lookAt }: Plan<Named>): Generator<string> {
    const at = (time: number) => {
      const then = plan(lanes, { ...now, now: time });
      return JSON.stringify([names(then.start), names(then.expire), waitsOf(then)]);
    };
    if (lookAt <= NOW) yield "it is looked at later, not at once";
    if (at(Math.min(lookAt, NOW + 10_000) - 1) !== at(NOW)) yield "nothing changes before it is looked at";
    if (lookAt !== NEVER && at(lookAt) === at(NOW)) yield "something has changed then";
  }
});
