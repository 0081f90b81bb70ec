import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { base32Encode, parseDeviceId } from "../../../src/core/ids.ts";
import * as proof from "../../../src/identity/pairing-proof.ts";
import { patience } from "../../../src/identity/pairing-state.ts";
import vectors from "../../vectors/pairing.json" with { type: "json" };
import { idOf } from "./support/ids.ts";
import { exchange, Machine } from "./support/pairing.ts";

const document = readFileSync(new URL("../../../docs/PROTOCOL.md", import.meta.url), "utf8");
const hex = (text: string) => Buffer.from(text, "hex");

const session: proof.PairingSession = {
  dialler: parseDeviceId(vectors.dialler.id),
  listener: parseDeviceId(vectors.listener.id),
  sid: hex(vectors.sid),
  exported: hex(vectors.exported),
};
const exchanged: proof.Exchange = {
  commitment: hex(vectors.commitment),
  nonces: { dialler: hex(vectors.nonces.dialler), listener: hex(vectors.nonces.listener) },
  introductions: {
    dialler: { name: vectors.dialler.name, port: vectors.dialler.port },
    listener: { name: vectors.listener.name, port: vectors.listener.port },
  },
};
const transcript = proof.transcriptOf(session, exchanged);
const codes = (of: proof.PairingSession, digest: Uint8Array) => ({
  dialler: proof.codeShownBy("dialler", of, digest),
  listener: proof.codeShownBy("listener", of, digest),
});
const mac = (role: proof.Role) => base32Encode(proof.confirmationBy(role, session, exchanged.nonces, transcript));

describe("the published values of a pairing by code", () => {
  it("give the commitment, the transcript, the codes and the confirmations", () => {
    expect(proof.PAIR_EXPORTER_LABEL).toBe(vectors.exporterLabel);
    expect(proof.commitmentTo(exchanged.nonces.listener, session).toString("hex")).toBe(vectors.commitment);
    expect(transcript.toString("hex")).toBe(vectors.transcript);
    expect(codes(session, transcript)).toEqual(vectors.codes);
    expect(mac("dialler")).toBe(vectors.messages.confirmDialler.mac);
    expect(mac("listener")).toBe(vectors.messages.confirmListener.mac);
  });

  it("give codes that keep their leading zeros", () => {
    const zeros = { ...session, exported: hex(vectors.leadingZeros.exported) };
    const commitment = proof.commitmentTo(exchanged.nonces.listener, zeros);
    expect(codes(zeros, proof.transcriptOf(zeros, { ...exchanged, commitment }))).toEqual(vectors.leadingZeros.codes);
    expect(vectors.leadingZeros.codes.listener).toMatch(/^000\d{3}$/);
  });

  it("are what two devices say, word for word", () => {
    const { dialler, listener, messages } = vectors;
    const who = ({ id, name, port }: typeof dialler) => ({ id: parseDeviceId(id), own: { name, port } });
    const exportKey = (label: string, context: Uint8Array) => {
      expect([label, Buffer.from(context).toString("hex")]).toEqual([vectors.exporterLabel, vectors.sid]);
      return session.exported as Buffer; // made by `hex`
    };
    const chance = (nonce: string) => (bytes: number) => hex(bytes === proof.NONCE_BYTES ? nonce : vectors.sid);
    const a = new Machine("dialler", who(dialler), who(listener), exportKey, chance(vectors.nonces.dialler));
    const b = new Machine("listener", who(listener), who(dialler), exportKey, chance(vectors.nonces.listener));
    exchange({ dialler: a, listener: b });
    for (const end of [a, b]) end.feed({ kind: "code", code: end.comparing.codes.wanted });
    exchange({ dialler: a, listener: b });
    for (const end of [a, b]) end.feed({ kind: "pinned" });
    exchange({ dialler: a, listener: b });
    expect(b.heard).toEqual([messages.hello, messages.nonce, messages.confirmDialler, messages.done]);
    expect(a.heard).toEqual([messages.commit, messages.reveal, messages.confirmListener, messages.done]);
  });

  it("stand in docs/PROTOCOL.md", () => {
    const example = document.slice(document.indexOf("### 6.4"), document.indexOf("### 6.5"));
    for (const message of Object.values(vectors.messages)) expect(example).toContain(JSON.stringify(message));
    const values = [vectors.sid, vectors.exported, vectors.nonces.dialler, vectors.nonces.listener];
    for (const value of [...values, vectors.commitment, vectors.transcript]) expect(example).toContain(value);
    for (const code of Object.values(vectors.codes)) {
      expect(example).toContain(`${code.slice(0, 3)} ${code.slice(3)}`);
    }
  });
});

describe("docs/PROTOCOL.md", () => {
  it("says how long people have", () => {
    const comparing = patience({ phase: "comparing" } as Parameters<typeof patience>[0]); // the rest does not matter
    expect(document).toContain(`| typing the codes | ${Number(comparing) / 1000} s |`);
  });
});

describe("what a pairing by code computes", () => {
  type Change = readonly [string, proof.PairingSession, proof.Exchange];
  const changes: readonly Change[] = [
    ["connection", { ...session, exported: Buffer.alloc(32) }, exchanged],
    ["session id", { ...session, sid: Buffer.alloc(16) }, exchanged],
    ["dialler", { ...session, dialler: idOf("other") }, exchanged],
    ["listener", { ...session, listener: idOf("other") }, exchanged],
    ["direction", { ...session, dialler: session.listener, listener: session.dialler }, exchanged],
    ["commitment", session, { ...exchanged, commitment: Buffer.alloc(32) }],
    ["nonce of the dialler", session, { ...exchanged, nonces: { ...exchanged.nonces, dialler: Buffer.alloc(32) } }],
    ["nonce of the listener", session, { ...exchanged, nonces: { ...exchanged.nonces, listener: Buffer.alloc(32) } }],
    ...(["dialler", "listener"] as const).flatMap((role): Change[] => {
      const { introductions } = exchanged;
      const changed = (change: object) => ({
        ...exchanged,
        introductions: { ...introductions, [role]: { ...introductions[role], ...change } },
      });
      return [
        [`name of the ${role}`, session, changed({ name: "x" })],
        [`port of the ${role}`, session, changed({ port: 1 })],
      ];
    }),
  ];

  it.each(changes)("is something else with another %s", (_, changed, said) => {
    const digest = proof.transcriptOf(changed, said);
    expect(digest.equals(transcript)).toBe(false);
    const confirmation = (role: proof.Role) => base32Encode(proof.confirmationBy(role, changed, said.nonces, digest));
    expect([confirmation("dialler"), confirmation("listener")]).not.toContain(mac("dialler"));
    expect([confirmation("dialler"), confirmation("listener")]).not.toContain(mac("listener"));
  });

  it("is a commitment to this nonce on this connection only", () => {
    const all = [
      proof.commitmentTo(Buffer.alloc(32), session),
      ...changes.slice(0, 5).map(([, changed]) => proof.commitmentTo(exchanged.nonces.listener, changed)),
    ];
    for (const commitment of all) expect(commitment.toString("hex")).not.toBe(vectors.commitment);
  });

  it("does not depend on how names and fields would run together", () => {
    const digest = (a: string, b: string, port: number) =>
      proof.transcriptOf(session, {
        ...exchanged,
        introductions: { dialler: { name: a, port }, listener: { name: b, port: 1 } },
      });
    expect(digest("ab", "e", 0x6364).equals(digest("abc", "e", 0x6465))).toBe(false);
  });
});
