// Everything but a request to the control socket: too much, too little, other
// protocols, and clients that leave in the middle of the answer.

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { inParallel, Tally } from "../crowd.mjs";
import { clientHello } from "../hello.mjs";

const TIMEOUT_MS = 1_500;
const MB = 1_000_000;

const hello = await clientHello("lanxfer/1");
const head = (line, ...headers) =>
  `${line} HTTP/1.1\r\nHost: d\r\n${headers.map((each) => `${each}\r\n`).join("")}\r\n`;
const json = "Content-Type: application/json";

/** What is said, and whether whoever says it leaves with the first byte of the answer. */
const KINDS = [
  { says: () => Buffer.alloc(10 * MB, "A") },
  { says: () => randomBytes(MB) },
  { says: () => Buffer.alloc(MB) },
  { says: () => hello },
  { says: () => Buffer.from('\0\0\0\x12\x01{"t":"heartbeat"}', "latin1") },
  { says: () => head("GET /v1/id", `X-Long: ${"x".repeat(MB)}`) },
  { says: () => `GET /${"x".repeat(MB)} HTTP/1.1\r\n\r\n` },
  { says: () => `${head("POST /v1/transfers", json, `Content-Length: ${10 * MB}`)}${" ".repeat(10 * MB)}` },
  {
    says: () =>
      `${head("POST /v1/transfers", json, "Transfer-Encoding: chunked")}${"a".repeat(6)}\r\n${"[".repeat(10 * MB)}`,
  },
  { says: () => `${head("POST /v1/transfers", json, "Content-Length: 100000")}${"[".repeat(100_000)}` },
  { says: () => `${head("POST /v1/transfers", json, "Content-Length: 100")}{` },
  { says: () => head("POST /v1/transfers", json, "Content-Length: 4", "Transfer-Encoding: chunked") },
  { says: () => head("CONNECT /v1/events") },
  { says: () => head("GET /v1/events", "Upgrade: websocket", "Connection: Upgrade") },
  { says: () => head("GET /v1/events"), leaves: true },
  { says: () => head("GET /v1/history?limit=1000"), leaves: true },
  { says: () => `${head("POST /v1/pairing-window", json, "Content-Length: 2")}{}`, leaves: true },
  { says: () => head("GET /v1/status").repeat(500), leaves: true },
  { says: () => "" },
];

/** @param {{ socket: string, count: number, width: number }} parameters */
export async function attack({ socket: path, count, width }) {
  const tally = new Tally();
  await inParallel(count, width, async (n) => {
    const { says, leaves = false } = KINDS[n % KINDS.length];
    const socket = connect(path, () => socket.write(says()));
    let met = "closed";
    socket.on("error", () => {});
    socket.on("data", (data) => {
      const [, status] = /^HTTP\/1\.1 (\d)/.exec(data.toString("latin1")) ?? [];
      met = status === "2" ? "answered" : "refused";
      if (leaves) socket.destroy();
    });
    const enough = setTimeout(() => {
      if (met === "closed") met = "left waiting";
      socket.destroy();
    }, TIMEOUT_MS);
    await new Promise((resolve) => socket.once("close", resolve));
    clearTimeout(enough);
    tally.add(met);
  });
  return { attempts: count, counts: tally.counts };
}
