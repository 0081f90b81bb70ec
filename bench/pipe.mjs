// The ceiling for a Node program: file to TLS 1.3 to file between two processes,
// with no protocol, no digest and no flush in between.

import { fork } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { end } from "./process.mjs";

const PROGRAM = fileURLToPath(new URL("./pipe-end.mjs", import.meta.url));

/** The next message of a child; rejects when it ends instead. */
function answer(child) {
  return new Promise((resolve, reject) => {
    const settle = () => {
      child.off("message", heard);
      child.off("exit", ended);
    };
    const heard = (message) => {
      settle();
      resolve(message);
    };
    const ended = (code) => {
      settle();
      reject(new Error(`the ${child.spawnargs.at(-1)} end of the pipe ended with ${code}`));
    };
    child.once("message", heard).once("exit", ended);
  });
}

export async function openPipe(directory) {
  const inbox = `${directory}/inbox`;
  await mkdir(inbox, { recursive: true });
  const receiver = fork(PROGRAM, [inbox, "receive"]);
  const sender = fork(PROGRAM, ["", "send"]);
  const port = await answer(receiver);
  return {
    inbox,
    async copy(source) {
      sender.send({ source, port });
      await answer(sender);
    },
    close: async () => void (await Promise.all([end(receiver), end(sender)])),
  };
}
