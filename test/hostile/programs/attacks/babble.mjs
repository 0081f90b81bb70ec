// Speaks everything but what is spoken there, and counts what comes back.

import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { inParallel, Tally } from "../crowd.mjs";

const TIMEOUT_MS = 15_000;
const ALERT = 21;

const PROTOCOLS = [
  () => Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
  () => Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  () => Buffer.from("SSH-2.0-OpenSSH_9.2\r\n"),
  () => Buffer.from("EHLO example.net\r\nMAIL FROM:<a@example.net>\r\n"),
  () => Buffer.from("USER anonymous\r\nPASS x\r\n"),
  () => Buffer.from("*1\r\n$4\r\nPING\r\n"),
  () => Buffer.from('\0\0\0\x12\x01{"t":"heartbeat"}', "latin1"),
  () => Buffer.from('{"jsonrpc":"2.0","method":"shutdown","id":1}\n'),
  () => Buffer.from("000000a4ff534d4272000000001853c8", "hex"), // SMB
  () => Buffer.from("030000130ee000000000000100080003000000", "hex"), // RDP
  () => Buffer.alloc(20_000, "A"),
  () => Buffer.alloc(20_000),
  () => Buffer.alloc(20_000, 0xff),
  () => randomBytes(1 + Math.floor(Math.random() * 5_000)),
];

/** @param {{ host: string, port: number, count: number, width: number, from: string[] }} parameters */
export async function attack({ host, port, count, width, from }) {
  const tally = new Tally();
  let longestAnswer = 0;
  await inParallel(count, width, async (n) => {
    const bytes = PROTOCOLS[n % PROTOCOLS.length]();
    const socket = connect({ host, port, localAddress: from[n % from.length] }, () => socket.write(bytes));
    const answer = [];
    let met = "closed";
    socket.on("data", (data) => answer.push(data));
    socket.on("error", () => {});
    socket.setTimeout(TIMEOUT_MS, () => {
      met = "still open";
      socket.destroy();
    });
    await new Promise((resolve) => socket.once("close", resolve));
    const said = Buffer.concat(answer);
    longestAnswer = Math.max(longestAnswer, said.length);
    tally.add(said.length > 0 ? (said[0] === ALERT ? "closed with an alert" : "answered") : met);
  });
  return { attempts: count, counts: tally.counts, longestAnswer };
}
