/** The dialogue of `lanxferctl pair` on a terminal, with a staged daemon and between two real ones. */

import { spawn } from "node:child_process";
import { describe, expect, it, onTestFinished } from "vitest";
import type { PairingView } from "../../src/control/schema.ts";
import { LanxferError, toView } from "../../src/core/errors.ts";
import { otherThan } from "../support/code-pairing.ts";
import { freePort } from "../support/daemons.ts";
import { Home } from "../support/home.ts";
import { eventually } from "../support/process.ts";
import { ACTIVE, Place, PROGRAM, poll, Terminal, transcript } from "./support/place.ts";
import * as views from "./support/views.ts";

const PEER = { id: views.device().id, short: views.device().short, name: "alice" };
const waiting = (change: object = {}): PairingView => ({
  state: "waiting",
  peer: null,
  namesake: null,
  problem: null,
  failures: 0,
  left: 119_500,
  ...change,
});
const comparing = (change: object = {}): PairingView => ({
  state: "comparing",
  peer: PEER,
  petname: null,
  namesake: null,
  code: "000042",
  typed: false,
  left: 119_500,
  ...change,
});
const paired = (change: object = {}): PairingView => ({
  state: "paired",
  device: views.device(),
  mutual: true,
  again: false,
  ...change,
});
const failed = (error: LanxferError): PairingView => ({ state: "failed", error: toView(error) });

/** A daemon whose window stands as the test says. */
async function staged() {
  const place = await Place.open();
  const asked: unknown[] = [];
  const typed: string[] = [];
  const queue: PairingView[] = [];
  let wake = () => {};
  let held = false;
  let verdict: "right" | "own" | "wrong" = "right";
  await place.daemon({
    identity: () => ({ id: "x", short: "x", formatted: "x", name: "desk" }),
    async pair(request, holder) {
      asked.push(request);
      held = true;
      holder.addEventListener("abort", () => {
        held = false;
        wake();
      });
      return (async function* () {
        for (;;) {
          const view = queue.shift();
          if (view !== undefined) yield view;
          if (view?.state === "paired" || view?.state === "failed" || !held) return;
          if (queue.length === 0) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      })();
    },
    typeCode({ code }) {
      typed.push(code);
      return { verdict };
    },
  });
  return {
    place,
    asked,
    typed,
    show(...shown: PairingView[]) {
      queue.push(...shown);
      wake();
    },
    answer(next: typeof verdict) {
      verdict = next;
    },
    get held() {
      return held;
    },
  };
}

/** What stays on a terminal: of a line that was drawn over itself, the last state; without the countdown. */
function remains(output: string): string {
  return output
    .replace(/\x1b\[\d*[A-Za-z]/g, (sequence) => (sequence === "\x1b[1G" ? "\r" : ""))
    .split("\n")
    .map((line) => line.replace(/\r+$/, "").split("\r").at(-1) ?? "")
    .join("\n")
    .replace(/\d:\d\d/g, "<left>");
}

const golden = (args: readonly string[], result: Awaited<Terminal["finished"]>) =>
  transcript(args, { ...result, stdout: remains(result.stdout) });

describe("Pairing by code on a terminal", () => {
  it("says what to do on the other device, shows our code and asks for the other one", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair"]);
    daemon.show(waiting());
    await poll(() => running.stdout).toContain("(1:5");
    daemon.show(comparing());
    await poll(() => running.stdout).toContain("code that alice shows");
    running.type("12 34\r");
    await poll(() => running.stdout).toContain("six digits");
    running.type("493 027\r");
    await poll(() => daemon.typed).toEqual(["493027"]);
    daemon.show(comparing({ typed: true }));
    await poll(() => running.stdout).toContain("right; now");
    daemon.show({ state: "finishing", peer: PEER }, paired());
    const result = await running.finished;
    expect(daemon.asked).toEqual([{}]);
    await expect(golden(["pair"], result)).toMatchFileSnapshot("golden/pair-code.txt");
  });

  it("counts down while a code is being typed, which stays", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair", "alice"]);
    daemon.show(waiting({ peer: PEER }), comparing());
    await poll(() => running.stdout).toContain("code that alice shows");
    running.type("49302");
    await poll(() => running.stdout).toMatch(/\(1:57\): 49302/);
    running.type("\x7f");
    running.type("27\r");
    await poll(() => daemon.typed).toEqual(["493027"]);
    daemon.show(paired({ mutual: false }));
    const result = await running.finished;
    expect(daemon.asked).toEqual([{ peer: "alice" }]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout).toContain("alice did not say that it has finished, too");
  });

  it("knows its own code when it is typed in place of the other one, and asks again", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair"]);
    daemon.show(waiting(), comparing());
    await poll(() => running.stdout).toContain("code that alice shows");
    daemon.answer("own");
    running.type("000042\r");
    await poll(() => running.stdout).toContain("that is the code of this device: type the one that alice shows");
    daemon.answer("right");
    running.type("493027\r");
    await poll(() => daemon.typed).toEqual(["000042", "493027"]);
    daemon.show(paired());
    expect(await running.finished).toMatchObject({ code: 0 });
  });

  it("says plainly what a wrong code can mean", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair"]);
    daemon.show(waiting(), comparing());
    await poll(() => running.stdout).toContain("code that alice shows");
    daemon.answer("wrong");
    running.type("111111\r");
    await poll(() => daemon.typed).toEqual(["111111"]);
    daemon.show(failed(new LanxferError("E_PAIR_CODE", { peer: "alice" })));
    await expect(golden(["pair"], await running.finished)).toMatchFileSnapshot("golden/pair-code-wrong.txt");
  });

  it("ends when the other side ends, also in the middle of a question", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair", "alice"]);
    daemon.show(waiting({ peer: PEER }), comparing());
    await poll(() => running.stdout).toContain("code that alice shows");
    running.type("49");
    await poll(() => running.stdout.split("): ").at(-1)).toContain("49");
    daemon.show(failed(new LanxferError("E_PAIR_ENDED", { peer: "alice" })));
    await expect(golden(["pair", "alice"], await running.finished)).toMatchFileSnapshot("golden/pair-code-ended.txt");
  });

  it("goes on to wait when somebody came and gave up", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair"]);
    daemon.show(waiting(), comparing());
    await poll(() => running.stdout).toContain("code that alice shows");
    daemon.show(waiting({ failures: 1 }));
    await poll(() => running.stdout).toContain("the other side gave up; still waiting");
    daemon.show(comparing({ code: "777777" }));
    await poll(() => running.stdout).toContain("777 777");
    running.type("493027\r");
    await poll(() => daemon.typed).toEqual(["493027"]);
    daemon.show(paired());
    expect(await running.finished).toMatchObject({ code: 0 });
  });

  it("says of a device with the name of a paired one that it is another", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair", "aliceaaa"]);
    daemon.show(waiting({ peer: PEER, namesake: views.device({ short: "otherbbb" }) }));
    await poll(() => running.stdout).toContain('run "lanxferctl pair"');
    expect(running.stdout).toContain(
      "careful: this alice (aliceaaa) is another device than alice (otherbbb), which is paired\n",
    );
  });

  it("warns of a name that another paired device has", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair"]);
    daemon.show(waiting(), comparing({ namesake: views.device({ short: "otherbbb" }) }));
    await poll(() => running.stdout).toContain("code that alice shows");
    daemon.show(paired({ device: views.device({ name: "alice (2)" }) }));
    await expect(golden(["pair"], await running.finished)).toMatchFileSnapshot("golden/pair-code-namesake.txt");
  });

  it("tells while it waits that the other device cannot be reached", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair", "alice"]);
    const problem = toView(new LanxferError("E_UNREACHABLE", { peer: "alice" }));
    daemon.show(waiting({ peer: PEER, problem }));
    await poll(() => running.stdout).toContain("alice is not reachable; trying again (1:");
    running.type("\x03");
    expect(await running.finished).toMatchObject({ code: 130 });
  });

  it.each([
    ["Ctrl-C", "\x03"],
    ["the end of input", "\x04"],
  ])("is given up with %s, which the daemon notices, and the terminal is as before", async (_, key) => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair"]);
    daemon.show(waiting(), comparing());
    await poll(() => running.stdout).toContain("code that alice shows");
    running.type(key);
    expect(await running.finished).toMatchObject({ code: 130 });
    await poll(() => daemon.held).toBe(false);
    expect(daemon.typed).toEqual([]);
  });

  it("lets no name do anything to the terminal", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair"]);
    const hostile = { ...PEER, name: views.HOSTILE, short: "\x1b[2J" };
    daemon.show(waiting({ peer: hostile }), comparing({ peer: hostile, petname: views.HOSTILE }));
    await poll(() => running.stdout).toContain("shows (1:5");
    daemon.show(paired({ device: views.device({ name: views.HOSTILE }) }));
    const { stdout } = await running.finished;
    expect(remains(stdout)).not.toMatch(ACTIVE);
    expect(stdout).not.toContain("\x1b]52");
  });

  it("fails when the daemon goes away", async () => {
    const daemon = await staged();
    const running = daemon.place.onTerminal(["pair"]);
    daemon.show(waiting(), comparing());
    await poll(() => running.stdout).toContain("code that alice shows");
    await daemon.place.staged.close();
    expect(await running.finished).toMatchObject({ code: 3 });
    expect(running.stdout.match(/lanxferctl: error/g)).toHaveLength(1);
  });
});

describe("Pairing by code", () => {
  it("needs a terminal, and says what to do without one", async () => {
    const { place, asked } = await staged();
    await expect(transcript(["pair", "alice"], await place.ctl(["pair", "alice"]))).toMatchFileSnapshot(
      "golden/pair-code-no-terminal.txt",
    );
    expect(asked).toEqual([]);
  });

  it("that is locked says so", async () => {
    const place = await Place.open();
    await place.daemon({
      identity: () => ({ id: "x", short: "x", formatted: "x", name: "desk" }),
      pair: async () => {
        throw new LanxferError("E_PAIR_LOCKED");
      },
    });
    const result = await place.onTerminal(["pair"]).finished;
    await expect(golden(["pair"], result)).toMatchFileSnapshot("golden/pair-code-locked.txt");
  });

  it("is unlocked, also without a terminal", async () => {
    const place = await Place.open();
    let unlocked = 0;
    await place.daemon({
      async unlockPairing() {
        unlocked++;
      },
    });
    const result = await place.ctl(["pair", "--unlock"]);
    await expect(transcript(["pair", "--unlock"], result)).toMatchFileSnapshot("golden/pair-unlock.txt");
    expect(unlocked).toBe(1);
  });

  it.each([
    [["pair", "alice", "--invite", "-"]],
    [["pair", "alice", "--unlock"]],
    [["pair", "--unlock", "--invite", "-"]],
  ])("is one thing at a time: %j", async (args) => {
    const { place } = await staged();
    expect(await place.ctl(args)).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("Two terminals and two daemons", () => {
  /** lanxferctl on a terminal in that home. */
  function terminal(home: Home, ...args: string[]): Terminal {
    const command = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(" ");
    const script = `stty cols 80 rows 24 -onlcr -echo; exec ${command}`;
    const env = { ...home.env(), TERM: "xterm" };
    return new Terminal(spawn("script", ["-qec", script, "/dev/null"], { env, cwd: home.directory, stdio: "pipe" }));
  }

  async function two() {
    const [desk, nas] = [await Home.make({ LANXFER_NAME: "desk" }), await Home.make({ LANXFER_NAME: "nas" })];
    onTestFinished(async () => {
      await desk[Symbol.asyncDispose]();
      await nas[Symbol.asyncDispose]();
    });
    for (const home of [desk, nas]) await home.ready({ LANXFER_PORT: String(await freePort()) });
    for (const [home, other, name] of [
      [desk, nas, "nas"],
      [nas, desk, "desk"],
    ] as const) {
      const { port } = JSON.parse((await other.ctl("status", "--json")).stdout.split("\n")[0] ?? "");
      await home.ctl("peers", "add", name, `127.0.0.1:${port}`);
      await eventually("it is seen", async () => (await home.ctl("peers")).stdout.includes(name) || undefined);
    }
    return { desk, nas };
  }

  const codeOn = async (running: Terminal) => {
    await poll(() => running.stdout).toMatch(/type this code on \w+: +\d{3} \d{3}/);
    return /type this code on \w+: +(\d{3} \d{3})/.exec(running.stdout)?.[1] ?? "";
  };

  it("pair, and then send", async () => {
    const { desk, nas } = await two();
    const a = terminal(desk, "pair", "nas");
    await poll(() => a.stdout).toContain('waiting for nas: on that device, run "lanxferctl pair"');
    const b = terminal(nas, "pair");
    const [onDesk, onNas] = [await codeOn(a), await codeOn(b)];
    a.type(`${onNas}\r`);
    await poll(() => a.stdout).toContain("right; now the code of this device has to be typed on nas");
    b.type(`${onDesk.replace(" ", "")}\r`);
    expect(await a.finished).toMatchObject({ code: 0 });
    expect(await b.finished).toMatchObject({ code: 0 });
    expect(a.stdout).toContain("paired with nas (");
    expect(b.stdout).toContain("paired with desk (");
    expect(a.stdout + b.stdout).not.toMatch(/gave up|error/);
    expect(await nas.ctl("send", "desk", PROGRAM)).toMatchObject({ code: 0 });
  });

  it("pair nobody when a wrong code is typed, and both are told what it can mean", async () => {
    const { desk, nas } = await two();
    const [a, b] = [terminal(desk, "pair", "nas"), terminal(nas, "pair", "desk")];
    const [onDesk, onNas] = [await codeOn(a), await codeOn(b)];
    a.type(`${otherThan(onDesk.replace(" ", ""), onNas.replace(" ", ""))}\r`);
    expect(await a.finished).toMatchObject({ code: 7 });
    expect(await b.finished).toMatchObject({ code: 7 });
    expect(a.stdout).toContain("that is not the code that nas shows");
    expect(b.stdout).toContain("desk ended the pairing");
    for (const home of [desk, nas]) expect((await home.ctl("devices")).stdout).toBe("");
  });

  it("survive a daemon that is killed in the middle", async () => {
    const { desk, nas } = await two();
    const [a, b] = [terminal(desk, "pair", "nas"), terminal(nas, "pair", "desk")];
    await codeOn(a);
    await codeOn(b);
    const { pid } = JSON.parse((await nas.ctl("status", "--json")).stdout.split("\n")[0] ?? "");
    process.kill(pid, "SIGKILL");
    expect(await b.finished).toMatchObject({ code: 3 });
    expect(await a.finished).toMatchObject({ code: 7 });
  });
});
