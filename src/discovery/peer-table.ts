/**
 * Who is here, computed from what was heard and what probes found. Pure: a step
 * takes a table, an input and the time, and gives the next table, the events to
 * tell and the probes to make.
 *
 * What is heard makes a peer appear, but only a probe makes it vanish: silence
 * and goodbyes are reasons to ask, since anybody can say goodbye in another's
 * name. Nobody is probed while being heard.
 */

import { assertNever } from "../core/assert.ts";
import type { DeviceId } from "../core/ids.ts";
import { askDoubles, type Echoes, hearEcho, judgeEcho } from "./echoes.ts";
import { addHint, askHints, freshenHints, type Hints, judgeHint, removeHints } from "./hints.ts";
import type { Source } from "./medium.ts";
import type { Input, Instant, ProbeRequest, Rules, Step } from "./peer-step.ts";
import { type Entry, eventBetween, type PeerTable } from "./peer-view.ts";
import { areContested, askPlaces, hearPlaces, isKnownSource, judgePlace, stirPlaces } from "./places.ts";
import type { Heard, Sighting } from "./record.ts";
import { roomFor } from "./room.ts";
import type { Endpoint } from "./types.ts";

const SILENT_AFTER = 5700; // ms: one round of questions (link.ts) and the answers to it, with some to spare
const INSIST_AFTER = 250; // ms that the best place has to answer before the others are asked (RFC 8305 5)
const ANSWER_PAUSE = 1000; // ms for which an honest device does not repeat an answer (RFC 6762 6)
const MAX_SILENCE = 48_000; // ms between probes of a peer that answers them but is never heard
const ROUND_PAUSE = 3000; // ms between rounds of probes to one peer, however many goodbyes come in its name

export function step(table: PeerTable, input: Input, at: Instant, rules: Rules): Step {
  const draft = new Draft(table, at, rules);
  draft.apply(input);
  return draft.finish();
}

/** Whether the answer to `probe` would still matter. */
export function isWanted(table: PeerTable, probe: ProbeRequest): boolean {
  switch (probe.kind) {
    case "peer":
      return table.entries.has(probe.id);
    case "hint":
      return table.hints.has(probe.key);
    case "echo":
      return true;
    default:
      return assertNever(probe);
  }
}

/** The working copy of one step. */
class Draft {
  readonly #before: PeerTable;
  #entries: ReadonlyMap<DeviceId, Entry>;
  /** A copy, once there is something to change: most steps are ticks, in which nothing is. */
  #copy: Map<DeviceId, Entry> | undefined;
  #hints: Hints;
  #echoes: Echoes;
  readonly #at: Instant;
  readonly #rules: Rules;
  readonly #probes: ProbeRequest[] = [];
  readonly #touched = new Set<DeviceId>();
  readonly #restarted = new Set<DeviceId>();

  constructor(table: PeerTable, at: Instant, rules: Rules) {
    this.#before = table;
    this.#entries = table.entries;
    this.#hints = table.hints;
    this.#echoes = table.echoes;
    this.#at = at;
    this.#rules = rules;
  }

  apply(input: Input): void {
    const { steady, wall } = this.#at;
    switch (input.kind) {
      case "heard":
        this.#hear(input.heard, input.from);
        return;
      case "lost":
        this.#doubtAll((entry) => entry.places.some((place) => place.endpoint.interface === input.interface));
        return;
      case "joined":
        this.#setHints(freshenHints(this.#hints));
        this.#askHints(false);
        return;
      case "hint":
        this.#setHints(addHint(this.#hints, input.name, input.endpoint, input.id));
        this.#askHints(false);
        return;
      case "unhint":
        this.#setHints(removeHints(this.#hints, input.name));
        return;
      case "probed":
        this.#take(input.probe, input.answer, wall);
        return;
      case "tick":
        this.#doubtAll((entry) => steady - entry.sureAt > patienceWith(entry));
        this.#insist();
        this.#askHints(false);
        this.#askDoubles();
        return;
      case "asked":
        this.#askHints(true);
        return;
      case "answered":
        this.#doubtAll((entry) => entry.heardAt < input.since - ANSWER_PAUSE);
        return;
      default:
        assertNever(input);
    }
  }

  finish(): Step {
    const table = { entries: this.#entries, hints: this.#hints, echoes: this.#echoes };
    const events = [...this.#touched].flatMap((id) => {
      return eventBetween(this.#before, table, id, this.#restarted.has(id)) ?? [];
    });
    return { table, events, probes: this.#probes };
  }

  #hear(heard: Heard, from: Source): void {
    switch (heard.kind) {
      case "sighting":
        if (heard.id === this.#rules.own) this.#hearEcho(heard, from);
        else this.#see(heard, from);
        return;
      case "question":
        this.#stir(heard.instance, from);
        return;
      case "goodbye":
        this.#doubtAll((entry) => entry.instance === heard.instance);
        return;
      default:
        assertNever(heard);
    }
  }

  #take(probe: ProbeRequest, answer: DeviceId | undefined, wall: number): void {
    if (probe.kind === "peer") this.#judge(probe.id, probe.endpoint, answer);
    if (probe.kind === "hint") this.#setHints(judgeHint(this.#hints, probe.key, answer, this.#rules.own, wall));
    if (probe.kind === "echo")
      this.#echoes = judgeEcho(this.#echoes, probe.endpoint, answer !== undefined && answer === this.#rules.own);
  }

  #hearEcho({ name, port }: Sighting, from: Source): void {
    const endpoint: Endpoint = { address: from.address, port, interface: from.interface, source: "mdns" };
    const { echoes, ask } = hearEcho(this.#echoes, name, endpoint, this.#at.steady);
    this.#echoes = echoes;
    if (ask) this.#probes.push({ kind: "echo", endpoint });
  }

  #askDoubles(): void {
    const { echoes, asked } = askDoubles(this.#echoes, this.#at.steady);
    this.#echoes = echoes;
    for (const endpoint of asked) this.#probes.push({ kind: "echo", endpoint });
  }

  #see(sighting: Sighting, from: Source): void {
    const now = this.#at.steady;
    const entry = this.#entries.get(sighting.id) ?? this.#admit(sighting, from);
    if (entry === undefined) return;
    const { places, full } = hearPlaces(entry.places, sighting, from, now);
    const speaks = from.address === entry.voice.address || now - entry.voice.heardAt > SILENT_AFTER;
    if (speaks && sighting.boot !== entry.boot) this.#restarted.add(entry.id);
    const { name, boot, instance } = speaks ? sighting : entry;
    const voice = speaks ? { address: from.address, heardAt: now } : entry.voice;
    this.#set({ ...entry, ...this.#isHere(), name, boot, instance, voice, places });
    if ((full || areContested(places)) && now - entry.askedAt >= ROUND_PAUSE) this.#ask(entry.id, "all");
  }

  #stir(instance: string, from: Source): void {
    const now = this.#at.steady;
    for (const entry of this.#entries.values()) {
      if (entry.instance !== instance || !isKnownSource(entry.places, from.address)) continue;
      const voice = from.address === entry.voice.address ? { ...entry.voice, heardAt: now } : entry.voice;
      this.#set({ ...entry, ...this.#isHere(), voice, places: stirPlaces(entry.places, from, now) });
    }
  }

  #isHere() {
    const { steady, wall } = this.#at;
    return { heardAt: steady, sureAt: steady, unheard: 0, doubt: "none", seenAt: wall } as const;
  }

  #admit({ id, name, boot, instance }: Sighting, from: Source): Entry | undefined {
    const room = roomFor(id, from.address, this.#entries, this.#rules.isPaired);
    if (room === "none") return undefined;
    if (room !== "enough") this.#remove(room.insteadOf);
    const never = Number.NEGATIVE_INFINITY;
    const voice = { address: from.address, heardAt: never };
    const times = { heardAt: never, sureAt: never, askedAt: never, seenAt: 0, unheard: 0 };
    return { id, name, boot, instance, voice, places: [], doubt: "none", ...times };
  }

  #doubtAll(isDoubtful: (entry: Entry) => boolean): void {
    for (const entry of this.#entries.values()) {
      if (entry.doubt === "none" && isDoubtful(entry)) this.#set({ ...entry, doubt: "waiting" });
    }
    for (const entry of this.#entries.values()) {
      if (entry.doubt === "waiting" && this.#at.steady - entry.askedAt >= ROUND_PAUSE) this.#ask(entry.id, "best");
    }
  }

  /** Asks the other places of those whose best one does not answer. */
  #insist(): void {
    for (const { id, doubt, askedAt } of this.#entries.values()) {
      if (doubt === "asking" && this.#at.steady - askedAt >= INSIST_AFTER) this.#ask(id, "others");
    }
  }

  #ask(id: DeviceId, which: "best" | "others" | "all"): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const now = this.#at.steady;
    const askedAt = which === "others" ? entry.askedAt : now;
    const { places, asked } = askPlaces(entry.places, which === "best" ? "best" : { since: askedAt }, now);
    const doubt = entry.doubt === "none" ? "none" : which === "best" ? "asking" : "insisting";
    this.#set({ ...entry, places, doubt, askedAt });
    for (const endpoint of asked) this.#probes.push({ kind: "peer", id, endpoint });
  }

  #judge(id: DeviceId, endpoint: Endpoint, answer: DeviceId | undefined): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const places = judgePlace(entry.places, endpoint, answer === id, this.#at.steady);
    if (answer === id) {
      const sure = { doubt: "none", sureAt: this.#at.steady, seenAt: this.#at.wall } as const;
      const unheard = entry.doubt === "none" ? entry.unheard : entry.unheard + 1;
      this.#set({ ...entry, ...sure, places, unheard });
      return;
    }
    this.#set({ ...entry, places });
    if (entry.doubt === "asking") this.#ask(id, "others"); // a refusal is an answer
    const now = this.#entries.get(id);
    if (now?.doubt === "insisting" && !now.places.some((place) => place.asking)) this.#remove(id);
  }

  #askHints(all: boolean): void {
    const isHeard = (id: DeviceId) => this.#entries.get(id)?.doubt === "none";
    const { hints, asked } = askHints(this.#hints, { steady: this.#at.steady, all }, isHeard);
    this.#setHints(hints);
    for (const { key, endpoint } of asked) this.#probes.push({ kind: "hint", key, endpoint });
  }

  #set(entry: Entry): void {
    this.#touched.add(entry.id);
    this.#writable().set(entry.id, entry);
  }

  #remove(id: DeviceId): void {
    this.#touched.add(id);
    this.#writable().delete(id);
  }

  #writable(): Map<DeviceId, Entry> {
    this.#copy ??= new Map(this.#entries);
    this.#entries = this.#copy;
    return this.#copy;
  }

  #setHints(hints: Hints): void {
    for (const { answer } of [...this.#hints.values(), ...hints.values()]) {
      if (answer !== undefined) this.#touched.add(answer);
    }
    this.#hints = hints;
  }
}

/** How long a peer may be silent: longer each time that it was there all the same (no multicast reaches us, say). */
function patienceWith(entry: Entry): number {
  return Math.min(SILENT_AFTER * 2 ** entry.unheard, MAX_SILENCE);
}
