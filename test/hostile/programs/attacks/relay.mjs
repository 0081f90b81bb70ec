// Stands between two devices that pair by code: announces itself under the name of
// one, calls that one under the name of the other, speaks the protocol by the rules
// with both, and agrees with both as if its users had typed the codes.

import { createHash, createPublicKey, randomBytes } from "node:crypto";
import { connect, createServer } from "node:tls";
import { Bonjour } from "bonjour-service";
import { deviceIdFromHash } from "../../../../dist/core/ids.js";
import { advance, begin } from "../../../../dist/identity/pairing.js";
import { prove, tlsOptions } from "../../../../dist/transfer/gate.js";
import { frame, listen } from "../frame.mjs";
import { stranger } from "../strangers.mjs";

const ALPN = "lanxfer-pair/1";

const { key, cert } = stranger();
const spki = createPublicKey(key).export({ type: "spki", format: "der" });
const id = deviceIdFromHash(createHash("sha256").update(spki).digest());
const tls = tlsOptions({ id, keyPem: key, certPem: cert }, true);

/** One end of a pairing, on a connection that is secure. */
class End {
  /** @type {import("../../../../src/identity/pairing-state.ts").PairingState} */
  state;
  trusted = false;
  /** @type {() => void} */
  changed = () => {};

  /**
   * @param {"dialler" | "listener"} role
   * @param {import("node:tls").TLSSocket} socket
   * @param {string} name
   */
  constructor(role, socket, name) {
    this.socket = socket;
    this.ends = {
      role,
      self: id,
      peer: prove(socket, [ALPN]).peer,
      own: { name, port: 25726 },
      random: randomBytes,
      exportKey: (label, context, length) => socket.exportKeyingMaterial(length, label, Buffer.from(context)),
    };
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    listen(socket, (message) => this.feed({ kind: "message", message }));
    this.#do(begin(this.ends));
  }

  /** @param {import("../../../../src/identity/pairing-state.ts").Input} input */
  feed(input) {
    this.#do(advance(this.ends, this.state, input));
  }

  #do({ state, effects }) {
    this.state = state;
    for (const effect of effects) {
      if (effect.kind === "send") this.socket.write(frame(effect.message));
      else this.trusted = true; // so it has won
    }
    this.changed();
  }
}

/** Brings two ends to the codes, agrees with both, and resolves when both connections are gone. */
async function between(a, b) {
  const compare = () => {
    if (a.state.phase !== "comparing" || b.state.phase !== "comparing") return;
    a.changed = b.changed = () => {};
    for (const end of [a, b]) end.feed({ kind: "code", code: end.state.codes.wanted });
  };
  a.changed = b.changed = compare;
  compare();
  await Promise.all([a.closed, b.closed]);
}

function call(host, port) {
  const socket = connect({ host, port, servername: "", ALPNProtocols: [ALPN], ...tls });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("secureConnect", () => resolve(socket));
  });
}

/** @param {{ host: string, port: number, victim: string, caller: string, count: number }} parameters whom it poses as, to whom, and how often */
export async function attack({ host, port, victim, caller, count }) {
  const counts = { stood: 0, trusted: 0 };
  const server = createServer({ ...tls, requestCert: true, ALPNProtocols: ["lanxfer/1", ALPN] });
  const done = new Promise((resolve, reject) => {
    server.on("secureConnection", async (socket) => {
      socket.on("error", () => {});
      if (socket.alpnProtocol !== ALPN) return; // somebody looks who is there
      try {
        const toCaller = new End("listener", socket, victim);
        const toVictim = new End("dialler", await call(host, port), caller);
        await between(toCaller, toVictim);
        if (toCaller.state.phase === "comparing" && toVictim.state.phase === "comparing") counts.stood++;
        if (toCaller.trusted || toVictim.trusted) counts.trusted++;
        if (counts.stood === count) resolve(undefined);
      } catch (error) {
        reject(error);
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "0.0.0.0", () => resolve(undefined)));
  const { port: own } = server.address();
  new Bonjour().publish({
    name: `${victim} (${id.slice(0, 4)})`,
    type: "lanxfer",
    port: own,
    host: `lanxfer-${id}.local`,
    txt: { txtvers: "1", v: "1", id, name: victim, boot: "relay" },
    probe: false,
  });
  await done;
  return { attempts: count, counts };
}
