import { afterAll, beforeAll, expect, it } from "vitest";
import { type Host, Lan } from "../support/hosts.ts";
import { suiteFor } from "../support/privilege.ts";
import { eventually } from "../support/process.ts";

suiteFor(["hosts"])("The test network", () => {
  let lan: Lan;
  let anna: Host;
  let bert: Host;

  beforeAll(async () => {
    lan = await Lan.open();
    anna = await lan.host("anna");
    bert = await lan.host("bert");
  });
  afterAll(() => lan?.close());

  const reach = async (from: Host, to: string) =>
    (await from.run([process.execPath, "-e", CONNECT, to], { timeoutMs: 5_000 })).stdout;

  it("gives each host its own name, home and interface", async () => {
    const seen = await anna.run([
      "sh",
      "-c",
      "hostname; echo $HOME; ip -o link | cut -d: -f2 | cut -d@ -f1 | tr -d ' '",
    ]);
    expect(seen).toMatchObject({ code: 0, stderr: "" });
    expect(seen.stdout.split("\n")).toEqual(expect.arrayContaining(["anna", anna.home, "eth0", "lo"]));
    expect(seen.stdout).not.toContain("br0");
  });

  // A connection has a second: on a busy machine that may be too short for one that works.
  const reaches = (from: Host, to: string, answer: string) =>
    eventually(`${answer} from ${to}`, async () => ((await reach(from, to)) === answer ? true : undefined));

  it("carries traffic until the cable is pulled, and again when it is back", async () => {
    const server = bert.start([process.execPath, "-e", SERVE]);
    await server.line((line) => line === "listening", 5_000);
    await reaches(anna, bert.address, "anna at bert\n");
    await bert.unplug();
    expect(await reach(anna, bert.address)).toBe("nobody\n");
    await bert.plug();
    await reaches(anna, bert.address, "anna at bert\n");

    await bert.changeAddress("10.77.0.40");
    expect(await reach(anna, "10.77.0.2")).toBe("nobody\n");
    await reaches(anna, "10.77.0.40", "anna at bert\n");

    await bert.removeInterface();
    expect(await reach(anna, "10.77.0.40")).toBe("nobody\n");
    await bert.addInterface();
    await reaches(anna, "10.77.0.40", "anna at bert\n");
    expect(await server.stop()).toMatchObject({ code: null, signal: "SIGTERM" });
  });
});

const SERVE = `
  require("net").createServer((socket) => socket.end(" at " + require("os").hostname()))
    .listen(7000, "0.0.0.0", () => console.log("listening"))`;

const CONNECT = `
  const socket = require("net").connect({ port: 7000, host: process.argv[1] });
  const quit = (text) => { console.log(text); process.exit(); };
  socket.setTimeout(1000, () => quit("nobody")).on("error", () => quit("nobody"));
  socket.on("data", (data) => quit(require("os").hostname() + data))`;
