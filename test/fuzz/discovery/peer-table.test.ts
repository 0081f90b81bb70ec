import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DeviceId } from "../../../src/core/ids.ts";
import type { Input } from "../../../src/discovery/peer-step.ts";
import { MAX_PEERS } from "../../../src/discovery/room.ts";
import type { Peer } from "../../../src/discovery/types.ts";
import { idOf } from "../../unit/discovery/support/packets.ts";
import { endpoint, OWN, sighting, TableBench } from "../../unit/discovery/support/table.ts";

const SEEDS = ["anna", "bert", "carl", "own"];
const seed = fc.constantFrom(...SEEDS);
const address = fc.integer({ min: 1, max: 12 }).map((last) => `192.0.2.${last}`);
const name = fc.constantFrom("eth0", "wlan0");

const heard = fc.record({
  who: seed,
  from: address,
  named: fc.array(address, { maxLength: 3 }),
  on: name,
  boot: fc.constantFrom("1", "2"),
});
const input: fc.Arbitrary<Input> = fc.oneof(
  heard.map(({ who, from, named, on, boot }): Input => {
    const said = sighting(who, { addresses: named, boot, ...(who === "own" && { id: OWN }) });
    return { kind: "heard", heard: said, from: { address: from, interface: on } };
  }),
  fc.tuple(seed, address, name).map(([who, from, on]): Input => {
    return {
      kind: "heard",
      heard: { kind: "goodbye", instance: sighting(who).instance },
      from: { address: from, interface: on },
    };
  }),
  name.map((lost): Input => ({ kind: "lost", interface: lost })),
  fc
    .tuple(seed, address, fc.option(seed), fc.constantFrom("static", "known"))
    .map(([hint, where, id, source]): Input => {
      return { kind: "hint", name: hint, endpoint: endpoint(where, source), id: id === null ? undefined : idOf(id) };
    }),
  seed.map((hint): Input => ({ kind: "unhint", name: hint })),
  fc.constant<Input>({ kind: "asked" }),
  fc.constant<Input>({ kind: "joined" }),
  fc.constant<Input>({ kind: "answered", since: 5_000 }),
  fc.tuple(seed, address, name).map(([who, from, on]): Input => {
    const said = { kind: "question", instance: sighting(who).instance } as const;
    return { kind: "heard", heard: said, from: { address: from, interface: on } };
  }),
);

type Move = { readonly input: Input } | { readonly pass: number } | { readonly answer: readonly (string | null)[] };
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: input.map((given) => ({ input: given })) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 20_000 }).map((pass) => ({ pass })) },
  { weight: 3, arbitrary: fc.array(fc.option(seed), { maxLength: 6 }).map((answer) => ({ answer })) },
);

function play(bench: TableBench, step: Move): void {
  if ("input" in step) bench.apply(step.input);
  else if ("pass" in step) bench.pass(step.pass);
  else {
    for (const who of step.answer) {
      const probe = bench.open.shift();
      if (probe === undefined) break;
      bench.apply({ kind: "probed", probe, answer: who === null ? undefined : who === "own" ? OWN : idOf(who) });
    }
  }
}

/** What somebody knows who only listens to the events. */
function followed(bench: TableBench): Map<DeviceId, Peer> {
  const peers = new Map<DeviceId, Peer>();
  for (const { change, peer } of bench.events) {
    expect(peers.has(peer.id)).toBe(change !== "up");
    if (change === "down") peers.delete(peer.id);
    else peers.set(peer.id, peer);
  }
  return peers;
}

const addressesOf = ({ endpoints }: Peer) => endpoints.map((at) => `${at.address} ${at.port}`).sort();

describe("the peer table", () => {
  it("keeps its limits and tells every change, whatever is heard, hinted and answered", () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 120 }), (moves) => {
        const bench = new TableBench();
        for (const step of moves) {
          play(bench, step);
          for (const peer of bench.peers) {
            expect(peer.id).not.toBe(OWN);
            expect(peer.endpoints.length).toBeGreaterThan(0);
            expect(peer.endpoints.length).toBeLessThanOrEqual(8);
            expect(new Set(addressesOf(peer)).size).toBe(peer.endpoints.length);
          }
        }
        const told = followed(bench);
        const now = new Map(bench.peers.map((peer) => [peer.id, peer]));
        expect([...told.keys()].sort()).toEqual([...now.keys()].sort());
        for (const [id, peer] of now) {
          expect(told.get(id)).toMatchObject({ name: peer.name, state: peer.state });
        }
      }),
      { numRuns: 1500, verbose: true },
    );
  });

  it("forgets every peer in the end when nothing is heard and nobody answers", () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        const bench = new TableBench();
        for (const step of moves) play(bench, step);
        for (const hint of SEEDS) bench.apply({ kind: "unhint", name: hint });
        for (let round = 0; round < 10; round++) bench.pass(10_000).answer({});
        expect(bench.peers).toEqual([]);
      }),
      { numRuns: 500, verbose: true },
    );
  });

  it("never gives up a paired device that answers, whoever says what in its name", () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 80 }), fc.array(fc.nat(600), { maxLength: 400 }), (moves, strangers) => {
        const bench = new TableBench();
        bench.paired.add(idOf("anna"));
        const answers = { "192.0.2.200": idOf("anna") };
        bench.hear("anna", "192.0.2.200");
        for (const step of moves) {
          // Its probes are answered by the device itself, and by nobody else in its name.
          if (!("answer" in step)) play(bench, step);
          bench.answer(answers);
          bench.pass(1000).answer(answers);
        }
        for (const n of strangers) bench.hear(`stranger${n}`, `198.51.100.${n % 256}`);
        expect(bench.peers.length).toBeLessThanOrEqual(MAX_PEERS);
        expect(bench.addresses("anna")).toContain("192.0.2.200");
      }),
      { numRuns: 300, verbose: true },
    );
  });
});
