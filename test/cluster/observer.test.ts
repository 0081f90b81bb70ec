/** What somebody learns who sees every byte on the wire, and docs/SECURITY.md has it so. */

import { createPublicKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { deviceIdBytes } from "../../src/core/ids.ts";
import { typeAcross, Window } from "../support/code-pairing.ts";
import { freePort, Room, type TestDaemon } from "../support/daemons.ts";
import { TcpProxy } from "../support/proxy.ts";

const ANNA = "annas-own-desk";
const BERT = "berts-own-box";

/** What a certificate would give away: the key, its id, and the rest of it. */
async function identityOf(daemon: TestDaemon): Promise<(string | Buffer)[]> {
  const certificate = new X509Certificate(await readFile(path.join(daemon.state, "cert.pem")));
  const point = createPublicKey(certificate.publicKey.export({ type: "spki", format: "pem" }))
    .export({ type: "spki", format: "der" })
    .subarray(-64);
  return [daemon.id, Buffer.from(deviceIdBytes(daemon.id)), point.subarray(0, 32), certificate.raw.subarray(8, 40)];
}

it("an observer of the connections learns no name, id, key, file name or content, only which protocol it is", async () => {
  await using room = await Room.open();
  const port = await freePort();
  const wire = room.use(await TcpProxy.open(port));
  const overheard = wire.listenIn();
  const [anna, bert] = [await room.daemon(ANNA), await room.daemon(BERT, { port }, wire.port)];
  await anna.sees(bert);

  // By code, then by invite, then a folder and a file.
  const windows = [room.use(new Window(anna, bert)), room.use(new Window(bert))] as const;
  await typeAcross(...windows);
  expect(await windows[0].result()).toMatchObject({ state: "paired", mutual: true });
  await anna.client.call("delete", "/v1/devices/:device", { param: { device: BERT } });
  const { text: invite } = await bert.client.call("post", "/v1/invites", { json: {} });
  await anna.client.call("post", "/v1/pairings", { json: { invite } });
  const content = "the figures of the third quarter ".repeat(4_000);
  await anna.write("tax papers/letter to the office.txt", "dear tax office");
  const files = [path.join(anna.home, "files", "tax papers"), await anna.write("accounts 2026.csv", content)];
  expect(await anna.deliver(bert, files)).toMatchObject({ state: "done" });

  const seen = Buffer.concat(overheard);
  const secrets = [
    ...(await identityOf(anna)),
    ...(await identityOf(bert)),
    ...[ANNA, BERT, "tax papers", "letter", "accounts", "the figures", "dear tax office", "invite", "hello", "offer"],
    invite.slice(8, 40),
  ];
  expect(secrets.filter((secret) => seen.includes(secret))).toEqual([]);

  // It was all there to be seen, and this is what can be read of it.
  expect(seen.length).toBeGreaterThan(content.length);
  const readable = seen.toString("latin1").match(/lanxfer[\w/-]*/g);
  expect(new Set(readable)).toEqual(new Set(["lanxfer/1", "lanxfer-pair/1"]));
});
