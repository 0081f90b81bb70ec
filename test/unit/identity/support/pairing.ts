/** Two machines that pair by code, and a wire between them that a test can hold, twist and listen to. */

import { hkdfSync, randomBytes } from "node:crypto";
import { LanxferError } from "../../../../src/core/errors.ts";
import type { DeviceId } from "../../../../src/core/ids.ts";
import { advance, begin, type Ends, type Step } from "../../../../src/identity/pairing.ts";
import type { Introduction } from "../../../../src/identity/pairing-message.ts";
import { otherRole, type Role } from "../../../../src/identity/pairing-proof.ts";
import type { Comparing, Input, PairingState } from "../../../../src/identity/pairing-state.ts";
import { idOf } from "./ids.ts";

export type Message = Readonly<Record<string, unknown>>;

export const ALICE = { id: idOf("alice"), own: { name: "alice", port: 25726 } };
export const BOB = { id: idOf("bob"), own: { name: "bob", port: 4000 } };
export const MALLORY = { id: idOf("mallory"), own: { name: "mallory", port: 1 } };
export type Who = typeof ALICE;

/** A connection as TLS makes one: both ends get the same keying material, which no other connection has. */
export function exporterOf(secret: string): Ends["exportKey"] {
  return (label, context, length) => Buffer.from(hkdfSync("sha256", secret, context, label, length));
}

export class Machine {
  readonly ends: Ends;
  state: PairingState;
  /** What it has said and nobody has read. */
  readonly said: Message[] = [];
  /** All that it was told. */
  readonly heard: Message[] = [];
  /** What it has asked to trust. */
  readonly pins: DeviceId[] = [];

  constructor(role: Role, self: Who, peer: Who, exportKey: Ends["exportKey"], random: Ends["random"] = randomBytes) {
    const own: Introduction = self.own;
    this.ends = { role, self: self.id, peer: peer.id, own, exportKey, random };
    this.state = this.#do(begin(this.ends));
  }

  feed(input: Input): this {
    this.state = this.#do(advance(this.ends, this.state, input));
    return this;
  }

  hear(message: unknown): this {
    const copy = JSON.parse(JSON.stringify(message));
    this.heard.push(copy);
    return this.feed({ kind: "message", message: copy });
  }

  get comparing(): Comparing {
    if (this.state.phase !== "comparing") throw new Error(`it is ${this.state.phase}`);
    return this.state;
  }

  /** The last thing that it said. */
  next(): Message {
    const message = this.said.shift();
    if (message === undefined) throw new Error(`nothing was said in ${this.state.phase}`);
    return message;
  }

  #do({ state, effects }: Step): PairingState {
    for (const effect of effects) {
      if (effect.kind === "send") this.said.push(effect.message);
      else this.pins.push(effect.partner.id);
    }
    return state;
  }
}

let connections = 0;

/** Two ends of one connection, nothing said but the hello that waits to be heard. */
export function dial(a: Who = ALICE, b: Who = BOB): { readonly dialler: Machine; readonly listener: Machine } {
  const exportKey = exporterOf(`connection ${++connections}`);
  return { dialler: new Machine("dialler", a, b, exportKey), listener: new Machine("listener", b, a, exportKey) };
}

/** Passes on what both have said until neither says more. */
export function exchange({ dialler, listener }: { readonly dialler: Machine; readonly listener: Machine }): void {
  while (dialler.said.length + listener.said.length > 0) {
    for (const message of dialler.said.splice(0)) listener.hear(message);
    for (const message of listener.said.splice(0)) dialler.hear(message);
  }
}

/** What an end can come to be in, by honest means. */
export const STANDS = [
  "listening",
  "greeting",
  "committed",
  "revealing",
  "comparing",
  "agreed here",
  "agreed there",
  "pinning",
  "pinning, done there",
  "pinning, gone there",
  "closing",
  "ended",
] as const;
export type Stand = (typeof STANDS)[number];

export interface Standing {
  readonly machine: Machine;
  /** The other end; what it has said last is what the machine may be told next. */
  readonly other: Machine;
}

/** Brings one end of a new connection there; undefined where an end in this role never stands. */
export function stand(role: Role, at: Stand): Standing | undefined {
  const { dialler, listener } = dial();
  const [machine, other] = role === "dialler" ? [dialler, listener] : [listener, dialler];
  const standsThere = HALFWAY[role][at];
  if (standsThere === undefined) {
    if (HALFWAY[otherRole(role)][at] !== undefined) return undefined;
    exchange({ dialler, listener });
    comeTo(at, machine, other);
  } else standsThere(dialler, listener);
  return { machine, other };
}

/** How to come to a state in which the codes are not known yet. */
const HALFWAY: Readonly<Record<Role, Partial<Record<Stand, (dialler: Machine, listener: Machine) => void>>>> = {
  dialler: {
    greeting: (dialler, listener) => listener.hear(dialler.next()),
    revealing(dialler, listener) {
      listener.hear(dialler.next());
      listener.hear(dialler.hear(listener.next()).next());
    },
  },
  listener: {
    listening() {},
    committed: (dialler, listener) => dialler.hear(listener.hear(dialler.next()).next()),
  },
};

function agree(machine: Machine): Machine {
  return machine.feed({ kind: "code", code: machine.comparing.codes.wanted });
}

function comeTo(at: Stand, machine: Machine, other: Machine): void {
  const agreement = agree(other).said[0];
  if (at === "agreed here") agree(machine).said.splice(0);
  if (at === "comparing" || at === "agreed here") return;
  machine.hear(agreement);
  other.said.splice(0);
  if (at === "agreed there") return;
  other.hear(agree(machine).next());
  if (at === "pinning, done there" || at === "ended") machine.hear({ t: "pair-done" });
  if (at === "pinning, gone there") machine.feed({ kind: "hangup" });
  if (at === "closing" || at === "ended") machine.feed({ kind: "pinned" });
  machine.said.splice(0);
}

export const CANCEL: Input = { kind: "cancel", error: new LanxferError("E_CANCELLED") };

/** Mallory between alice, who dials, and bob: two pairings, each under the other's name, nothing said yet. */
export function between(random: { readonly toAlice?: Ends["random"]; readonly toBob?: Ends["random"] } = {}) {
  const [left, right] = [exporterOf(`left ${++connections}`), exporterOf(`right ${connections}`)];
  return {
    alice: new Machine("dialler", ALICE, MALLORY, left),
    toAlice: new Machine("listener", { ...MALLORY, own: BOB.own }, ALICE, left, random.toAlice),
    toBob: new Machine("dialler", { ...MALLORY, own: ALICE.own }, BOB, right, random.toBob),
    bob: new Machine("listener", BOB, MALLORY, right),
  };
}
