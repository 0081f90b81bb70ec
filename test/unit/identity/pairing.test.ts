import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { base32Encode } from "../../../src/core/ids.ts";
import type { Role } from "../../../src/identity/pairing-proof.ts";
import { type Input, judge, type Outcome, patience } from "../../../src/identity/pairing-state.ts";
import {
  ALICE,
  BOB,
  between,
  CANCEL,
  dial,
  exchange,
  exporterOf,
  MALLORY,
  Machine,
  type Message,
  STANDS,
  type Stand,
  stand,
} from "./support/pairing.ts";

const ROLES: readonly Role[] = ["dialler", "listener"];
const code = (text: string): Input => ({ kind: "code", code: text });
const UNPINNED: Input = { kind: "unpinned", error: new LanxferError("E_STATE", { path: "x", text: "full" }) };

/** How it ended, for comparison; undefined while it goes on. */
function end(machine: Machine) {
  if (machine.state.phase !== "ended") return undefined;
  const { outcome } = machine.state;
  return outcome.kind === "failed" ? { code: outcome.error.code, counts: outcome.counts } : short(outcome);
}

function short(outcome: Exclude<Outcome, { kind: "failed" }>) {
  return outcome.kind === "paired" ? { paired: outcome.partner.name, mutual: outcome.mutual } : "refused";
}

function agree(machine: Machine): Machine {
  return machine.feed(code(machine.comparing.codes.wanted));
}

describe("two honest devices", () => {
  it("show two codes, want each other's, and trust each other when both were typed", () => {
    const both = dial();
    const { dialler, listener } = both;
    exchange(both);
    expect(dialler.comparing.codes.wanted).toBe(listener.comparing.codes.shown);
    expect(listener.comparing.codes.wanted).toBe(dialler.comparing.codes.shown);
    expect(dialler.comparing.partner).toEqual({ id: BOB.id, ...BOB.own });
    expect(listener.comparing.partner).toEqual({ id: ALICE.id, ...ALICE.own });
    agree(dialler);
    exchange(both);
    expect(dialler.pins.concat(listener.pins)).toEqual([]);
    agree(listener);
    exchange(both);
    expect([dialler.pins, listener.pins]).toEqual([[BOB.id], [ALICE.id]]);
    dialler.feed({ kind: "pinned" });
    exchange(both);
    listener.feed({ kind: "pinned" });
    exchange(both);
    expect(end(dialler)).toEqual({ paired: "bob", mutual: true });
    expect(end(listener)).toEqual({ paired: "alice", mutual: true });
  });

  it("show other codes in each pairing", () => {
    const shown = new Set<string>();
    for (let i = 0; i < 50; i++) {
      const both = dial();
      exchange(both);
      shown.add(both.dialler.comparing.codes.shown).add(both.listener.comparing.codes.shown);
    }
    expect(shown.size).toBeGreaterThan(95);
  });

  it("need no more than four messages of less than 1 KiB each", () => {
    const longest = { id: ALICE.id, own: { name: "\u0001".repeat(63), port: 65_535 } };
    const both = dial(longest, { ...longest, id: BOB.id });
    const sizes: Record<Role, number[]> = { dialler: [], listener: [] };
    const pass = (role: Role, from: Machine, to: Machine) => {
      for (const message of from.said.splice(0)) {
        sizes[role].push(Buffer.byteLength(JSON.stringify(message)));
        to.hear(message);
      }
    };
    const rounds = () => {
      for (let i = 0; i < 4; i++) {
        pass("dialler", both.dialler, both.listener);
        pass("listener", both.listener, both.dialler);
      }
    };
    rounds();
    agree(both.dialler);
    agree(both.listener);
    rounds();
    both.dialler.feed({ kind: "pinned" });
    both.listener.feed({ kind: "pinned" });
    rounds();
    expect(end(both.dialler)).toMatchObject({ mutual: true });
    for (const role of ROLES) {
      expect(sizes[role]).toHaveLength(4);
      expect(Math.max(...sizes[role])).toBeLessThan(1024);
    }
  });
});

describe("a typed code", () => {
  const comparing = () => {
    const both = dial();
    exchange(both);
    return both.dialler;
  };

  it.each([
    ["grouped as it is shown", (text: string) => `${text.slice(0, 3)} ${text.slice(3)}`],
    ["with a dash", (text: string) => `${text.slice(0, 3)}-${text.slice(3)}`],
    ["with white space around", (text: string) => ` ${text}\n`],
  ])("is understood %s", (_, write) => {
    const machine = comparing();
    expect(judge(machine.comparing, write(machine.comparing.codes.wanted))).toBe("right");
  });

  it("that is wrong ends the pairing, trusts nobody, says nothing and is counted", () => {
    const machine = comparing();
    const { wanted, shown } = machine.comparing.codes;
    const wrong = ["000000", "000001", "000002"].find((text) => text !== wanted && text !== shown) ?? "";
    machine.feed(code(wrong));
    expect(end(machine)).toEqual({ code: "E_PAIR_CODE", counts: true });
    expect([machine.said, machine.pins]).toEqual([[], []]);
  });

  it.each(["", "1", "12345", "1234567", "abcdef", "１２３４５６"])("that is none is wrong: %j", (text) => {
    expect(judge(comparing().comparing, text)).toBe("wrong");
  });

  it("of this very device is a slip, not a try", () => {
    const machine = comparing();
    machine.feed(code(machine.comparing.codes.shown));
    expect(machine.state.phase).toBe("comparing");
    expect(machine.said).toEqual([]);
    agree(machine);
    expect(machine.next()["t"]).toBe("pair-confirm");
  });

  it("is taken once: what is typed after it changes nothing", () => {
    const machine = agree(comparing());
    machine.said.splice(0);
    machine.feed(code("000000"));
    expect(machine.state.phase).toBe("comparing");
    expect(machine.said).toEqual([]);
  });
});

/**
 * Every message and every other input, in every state that an end can be in.
 * What is listed does what is listed; any other message fails as what it is in
 * that state, and anything else changes nothing.
 */
describe("every input in every state", () => {
  const nonce = base32Encode(Buffer.alloc(32, 7));
  const inputs: Readonly<Record<string, Input>> = {
    "honest next": { kind: "message", message: undefined }, // replaced by what the other end has said
    ...Object.fromEntries(
      Object.entries<unknown>({
        hello: { t: "pair-hello", sid: base32Encode(Buffer.alloc(16, 1)), ...MALLORY.own },
        "hello without a sid": { t: "pair-hello", ...MALLORY.own },
        "hello without a name": { t: "pair-hello", sid: base32Encode(Buffer.alloc(16, 1)), port: 1 },
        "hello with a short sid": { t: "pair-hello", sid: "aa", ...MALLORY.own },
        commit: { t: "pair-commit", ...MALLORY.own, commit: nonce },
        "commit to nothing": { t: "pair-commit", ...MALLORY.own },
        "commit without a name": { t: "pair-commit", commit: nonce, port: 1 },
        "commit of the wrong length": { t: "pair-commit", ...MALLORY.own, commit: base32Encode(Buffer.alloc(31)) },
        refuse: { t: "pair-refuse" },
        nonce: { t: "pair-nonce", nonce },
        "nonce of the wrong length": { t: "pair-nonce", nonce: base32Encode(Buffer.alloc(33)) },
        reveal: { t: "pair-reveal", nonce },
        "reveal of nothing": { t: "pair-reveal" },
        confirm: { t: "pair-confirm", mac: nonce },
        "confirm without a mac": { t: "pair-confirm" },
        done: { t: "pair-done" },
        "an invite": { t: "invite-redeem", sid: "a", name: "x", port: 1, mac: "a" },
        unknown: { t: "pair-please" },
        "no object": "pair-done",
        null: null,
        list: [],
      }).map(([name, message]) => [name, { kind: "message", message }] as const),
    ),
    "a code": code("000000"),
    timeout: { kind: "timeout" },
    hangup: { kind: "hangup" },
    cancel: CANCEL,
    pinned: { kind: "pinned" },
    unpinned: UNPINNED,
  };

  interface Row {
    /** Inputs that the state takes: to the phase after it, or to how it ends. */
    readonly takes: Readonly<Record<string, unknown>>;
    /** How any other message ends it. Where it is missing, a message changes nothing. */
    readonly otherwise?: unknown;
  }
  const proto = (counts: boolean) => ({ code: "E_PROTO", counts });
  const early = { timeout: { code: "E_TIMEOUT", counts: false }, hangup: { code: "E_LOST", counts: false } };
  const late = { timeout: { code: "E_TIMEOUT", counts: true }, hangup: { code: "E_PAIR_ENDED", counts: true } };
  const given = (counts: boolean) => ({ cancel: { code: "E_CANCELLED", counts } });
  const forged = { code: "E_PAIR_FORGED", counts: true };
  const alone = { paired: true, mutual: false };
  const both = { paired: true, mutual: true };

  const TABLE: Readonly<Record<Stand, Row>> = {
    listening: {
      takes: { "honest next": "committed", hello: "committed", ...early, ...given(false) },
      otherwise: proto(false),
    },
    greeting: {
      takes: { "honest next": "revealing", commit: "revealing", refuse: "refused", ...early, ...given(false) },
      otherwise: proto(false),
    },
    committed: {
      takes: { "honest next": "comparing", nonce: "comparing", ...late, ...given(true) },
      otherwise: proto(true),
    },
    revealing: {
      takes: { "honest next": "comparing", reveal: forged, ...late, ...given(true) },
      otherwise: proto(true),
    },
    comparing: {
      takes: {
        "honest next": "comparing",
        confirm: forged,
        "a code": { code: "E_PAIR_CODE", counts: true },
        ...late,
        ...given(true),
      },
      otherwise: proto(true),
    },
    "agreed here": {
      takes: { "honest next": "pinning", confirm: forged, ...late, ...given(true) },
      otherwise: proto(true),
    },
    "agreed there": {
      takes: { "a code": { code: "E_PAIR_CODE", counts: true }, ...late, ...given(true) },
      otherwise: proto(true),
    },
    pinning: { takes: { pinned: "closing", unpinned: { code: "E_STATE", counts: false } } },
    "pinning, done there": { takes: { pinned: both, unpinned: { code: "E_STATE", counts: false } } },
    "pinning, gone there": { takes: { pinned: alone, unpinned: { code: "E_STATE", counts: false } } },
    closing: { takes: { done: both, timeout: alone, hangup: alone, cancel: alone }, otherwise: alone },
    ended: { takes: {} },
  };

  const cases = ROLES.flatMap((role) =>
    STANDS.flatMap((at) =>
      Object.entries(inputs).flatMap(([name, input]) => {
        const there = stand(role, at);
        if (there === undefined) return [];
        const honest = there.other.said[0];
        if (name === "honest next" && honest === undefined) return [];
        const put: Input = name === "honest next" ? { kind: "message", message: honest } : input;
        return [{ role, at, name, put, machine: there.machine }];
      }),
    ),
  );

  it("are as many cases as there have to be", () => {
    expect(cases.length).toBeGreaterThan(500);
    expect(new Set(cases.map(({ at }) => at)).size).toBe(STANDS.length);
  });

  it.each(cases)("$role, $at: $name", ({ at, name, put, machine }) => {
    const { takes, otherwise } = TABLE[at];
    const before = machine.state;
    const pinned = machine.pins.length;
    machine.feed(put);
    const expected = name in takes ? takes[name] : put.kind === "message" ? otherwise : undefined;
    if (typeof expected === "string" && expected !== "refused") expect(machine.state.phase).toBe(expected);
    else if (expected === both || expected === alone) {
      expect(end(machine)).toMatchObject({ mutual: expected === both });
    } else if (expected !== undefined) expect(end(machine)).toEqual(expected);
    else if (at.startsWith("pinning")) expect(machine.state.phase).toBe("pinning");
    else expect(machine.state).toBe(before);
    // Trust is asked for at one place only: when the second of both agreements comes in.
    const agreedNow = at === "agreed here" && name === "honest next";
    expect(machine.pins).toHaveLength(agreedNow ? pinned + 1 : pinned);
  });

  it("leave an ended pairing as it was", () => {
    for (const { at, put, machine } of cases.filter((each) => each.at === "ended")) {
      const { state } = machine.feed(put);
      expect({ at, phase: state.phase }).toEqual({ at, phase: "ended" });
      expect(machine.said).toEqual([]);
    }
  });

  it("set a time to every state that waits for somebody", () => {
    const times = STANDS.map((at) => {
      const there = stand("dialler", at) ?? stand("listener", at);
      return there && patience(there.machine.state);
    });
    const expected = [10, 10, 10, 10, 120, 120, 120, undefined, undefined, undefined, 10, undefined];
    expect(times).toEqual(expected.map((seconds) => seconds && seconds * 1000));
  });
});

describe("an attacker", () => {
  it("cannot change its nonce after it has seen the dialler's", () => {
    const { dialler, listener } = dial();
    dialler.hear(listener.hear(dialler.next()).next());
    dialler.hear({ t: "pair-reveal", nonce: base32Encode(Buffer.alloc(32)) });
    expect(end(dialler)).toEqual({ code: "E_PAIR_FORGED", counts: true });
  });

  it.each(ROLES)("cannot send the %s what it said itself", (role) => {
    for (const at of STANDS) {
      const there = stand(role, at);
      if (there === undefined || at === "ended" || at.startsWith("pinning") || at === "closing") continue;
      const { machine } = there;
      const exported = new Machine(role, ALICE, BOB, exporterOf("other"));
      const own: Message[] = [...exported.said, { t: "pair-confirm", mac: own256(machine) }];
      for (const message of own) {
        const again = stand(role, at)?.machine.hear(message);
        if (again === undefined) continue;
        const taken = role === "listener" && message["t"] === "pair-hello" && at === "listening";
        if (!taken) expect(again.state.phase).toBe("ended");
        expect(again.pins).toEqual([]);
      }
    }
  });

  it("cannot confirm with the confirmation it was sent", () => {
    for (const role of ROLES) {
      const there = stand(role, "comparing");
      if (there === undefined) throw new Error("both roles come to compare");
      const { machine } = there;
      const mine = agree(machine).next();
      machine.hear(mine);
      expect(end(machine)).toEqual({ code: "E_PAIR_FORGED", counts: true });
      expect(machine.pins).toEqual([]);
    }
  });

  it("cannot replay a recorded pairing on a new connection", () => {
    const both = dial();
    const recorded: Message[] = [];
    const pass = () => {
      for (const message of both.dialler.said.splice(0)) {
        recorded.push(message);
        both.listener.hear(message);
      }
      for (const message of both.listener.said.splice(0)) both.dialler.hear(message);
    };
    for (let i = 0; i < 3; i++) pass();
    const shown = both.listener.comparing.codes;
    agree(both.dialler);
    agree(both.listener);
    pass();
    const { listener } = dial();
    for (const message of recorded.slice(0, 2)) listener.hear(message);
    expect(listener.comparing.codes).not.toEqual(shown);
    agree(listener).hear(recorded[2]);
    expect(end(listener)).toEqual({ code: "E_PAIR_FORGED", counts: true });
  });

  it("between two devices is trusted by neither, whatever it does with the confirmations", () => {
    const { alice, bob, toAlice, toBob } = between();
    exchange({ dialler: alice, listener: toAlice });
    exchange({ dialler: toBob, listener: bob });
    const shownThere = { alice: bob.comparing.codes.shown, bob: alice.comparing.codes.shown };
    alice.feed(code(shownThere.alice));
    bob.feed(code(shownThere.bob));
    expect([end(alice), end(bob)]).toEqual([
      { code: "E_PAIR_CODE", counts: true },
      { code: "E_PAIR_CODE", counts: true },
    ]);
    expect(alice.pins.concat(bob.pins)).toEqual([]);
    // It could have confirmed its own two pairings, and was not asked to.
    expect([toAlice.state.phase, toBob.state.phase]).toEqual(["comparing", "comparing"]);
  });
});

/** The mac that this end would send, where it has one. */
function own256(machine: Machine): string {
  const { state } = machine;
  return base32Encode(state.phase === "comparing" ? state.confirmations.own : Buffer.alloc(32));
}
