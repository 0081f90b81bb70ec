// A paired device that offers and offers, over many connections at once. What waits
// for an answer waits on, what is declined is offered again.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { pause, Tally } from "../crowd.mjs";
import { frame, listen } from "../frame.mjs";

const APART_MS = 10;

const newId = () => [...randomBytes(16)].map((byte) => "abcdefghijklmnopqrstuvwxyz234567"[byte & 31]).join("");

/** @param {{ host: string, port: number, key: string, cert: string, count: number, width: number }} parameters key and certificate are files */
export async function attack({ host, port, key, cert, count, width }) {
  const tally = new Tally();
  const tls = { key: readFileSync(key), cert: readFileSync(cert), rejectUnauthorized: false, servername: "" };
  let offered = 0;
  const next = () => {
    offered++;
    const items = [{ name: "gift.txt", type: "file" }];
    return frame({ t: "offer", id: newId(), entries: 1, bytes: 1, count: 1, items });
  };
  const sockets = [];
  await Promise.all(
    Array.from({ length: width }, async (_, n) => {
      await pause(n * APART_MS); // more than a few at once would be turned away
      const socket = connect({ host, port, ALPNProtocols: ["lanxfer/1"], ...tls });
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("secureConnect", () => {
        socket.write(frame({ t: "hello", v: 1, name: "mallory", features: [], port: 25726 }));
      });
      return new Promise((resolve) => {
        socket.once("close", resolve);
        listen(socket, ({ t, code }) => {
          if (t === "hello") socket.write(next());
          else if (t !== "heartbeat") tally.add(code ?? t);
          if (t === "decline" && offered < count) socket.write(next());
          else if (t !== "hello" && t !== "heartbeat") resolve(undefined);
        });
      });
    }),
  );
  for (const socket of sockets) socket.destroy();
  return { attempts: offered, counts: tally.counts };
}
