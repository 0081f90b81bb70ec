// TLS handshakes that come to nothing, in all the ways in which they can. Most of them
// replay the beginning of a good one: they cost this side nothing and the other one its
// half of the work.

import { randomBytes } from "node:crypto";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { inParallel, Tally } from "../crowd.mjs";
import { clientHello } from "../hello.mjs";
import { stranger } from "../strangers.mjs";

const TIMEOUT_MS = 15_000;
/** Replays for one of each other kind. */
const REPLAYS = 14;

const keys = Array.from({ length: 8 }, stranger);
const hello = await clientHello("lanxfer/1");
const begin = (to, bytes) => {
  const socket = connectTcp(to, () => socket.write(bytes));
  return socket;
};
const tls = (to, options) => connect({ ...to, servername: "", rejectUnauthorized: false, ...options });
const key = (n) => keys[n % keys.length];

/** @type {Record<string, (to: object, n: number) => import("node:net").Socket>} */
const KINDS = {
  "a key of nobody": (to, n) => tls(to, { ...key(n), ALPNProtocols: ["lanxfer/1"] }),
  "no certificate": (to) => tls(to, { ALPNProtocols: ["lanxfer/1"] }),
  "no ALPN": (to, n) => tls(to, key(n)),
  "another ALPN": (to, n) => tls(to, { ...key(n), ALPNProtocols: ["h2", "http/1.1"] }),
  "TLS 1.2": (to, n) => tls(to, { ...key(n), ALPNProtocols: ["lanxfer/1"], maxVersion: "TLSv1.2" }),
  "a beginning and noise": (to) => begin(to, Buffer.concat([hello, randomBytes(100)])),
  "a beginning, cut short": (to) => {
    const socket = connectTcp(to, () => socket.end(hello.subarray(0, 200)));
    return socket;
  },
};
const names = Object.keys(KINDS);

/** @param {{ host: string, port: number, count: number, width: number, from?: string[] }} parameters */
export async function attack({ host, port, count, width, from = [] }) {
  const tally = new Tally();
  await inParallel(count, width, async (n) => {
    const localAddress = from[n % from.length];
    const to = { host, port, ...(localAddress && { localAddress }) };
    const round = n % (REPLAYS + names.length);
    const socket = round < names.length ? KINDS[names[round]](to, n) : begin(to, hello);
    let met = "turned away";
    socket.once("data", () => {
      met = "answered";
      if (round >= names.length) socket.destroy(); // and comes again: it has had what it wanted
    });
    socket.on("secureConnect", () => {
      met = "handshake done";
    });
    socket.on("error", () => {});
    socket.setTimeout(TIMEOUT_MS, () => {
      met = "still open";
      socket.destroy();
    });
    socket.on("end", () => socket.end());
    await new Promise((resolve) => socket.once("close", resolve));
    tally.add(met);
  });
  return { attempts: count, counts: tally.counts };
}
