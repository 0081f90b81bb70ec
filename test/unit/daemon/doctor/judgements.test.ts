import { describe, expect, it } from "vitest";
import { examine } from "../../../../src/daemon/doctor/doctor.ts";
import { ok } from "../../../../src/daemon/doctor/finding.ts";
import { judgeEcho, judgeInterfaces } from "../../../../src/daemon/doctor/network.ts";
import { judgeClock, judgeDescriptors, judgeNode, judgeSandbox } from "../../../../src/daemon/doctor/program.ts";
import { programsOf } from "../../../../src/daemon/doctor/service.ts";
import { rowsOf } from "../../../../src/daemon/doctor/sockets.ts";
import { question } from "../../../../src/discovery/echo.ts";
import { ManualClock } from "../../discovery/support/clock.ts";

describe("The doctor", () => {
  it("keeps the order of the checks, and tells of one that fails or hangs", async () => {
    const clock = new ManualClock();
    let late: AbortSignal | undefined;
    const found = examine(
      [
        {
          name: "hangs",
          look: (signal) => {
            late = signal;
            return new Promise(() => {});
          },
        },
        { name: "fails", look: () => Promise.reject(new Error("EIO")) },
        { name: "works", look: async () => [ok("one"), ok("two")] },
      ],
      clock,
    );
    await clock.pass(8_000);
    expect((await found).map(({ check, state, text }) => `${check} ${state}: ${text}`)).toEqual([
      "hangs unchecked: could not be checked: internal error: no answer within 8 s",
      "fails unchecked: could not be checked: internal error: EIO",
      "works ok: one",
      "works ok: two",
    ]);
    expect(late?.aborted).toBe(true);
    expect(clock.timers).toBe(0);
  });

  it.each([
    ["v20.20.2", "2026-04-30", "ok"],
    ["v20.20.2", "2026-05-02", "warning"],
    ["v22.1.0", "2026-11-22", "ok"],
    ["v23.1.0", "2026-11-22", "warning"],
    ["v16.0.0", "2026-11-22", "warning"],
    ["v28.0.0", "2026-11-22", "ok"],
  ])("knows until when Node %s is supported: on %s that is %s", (node, day, state) => {
    expect(judgeNode(node, Date.parse(day)).state).toBe(state);
  });

  it("knows a clock that cannot be right", () => {
    expect(judgeClock(0).state).toBe("warning");
    expect(judgeClock(Date.UTC(2026, 10, 22)).state).toBe("ok");
    expect(judgeClock(Date.UTC(2106, 0, 1)).state).toBe("warning");
  });

  it("knows when descriptors are few, and what a sandbox is worth", () => {
    expect(judgeDescriptors(256).state).toBe("warning");
    expect(judgeDescriptors(1_024).state).toBe("ok");
    expect((["full", "seccomp only", "none"] as const).map((sandbox) => judgeSandbox(sandbox).state)).toEqual([
      "ok",
      "warning",
      "ok",
    ]);
  });

  it("tells of interfaces, and of there being none", () => {
    const eth0 = { name: "eth0", address: "192.0.2.7", chosen: true, used: true, reason: null };
    const docker = { name: "docker0", address: "172.17.0.1", chosen: false, used: false, reason: "virtual" };
    const lo = { name: "lo", address: "127.0.0.1", chosen: false, used: false, reason: "loopback" };
    expect(judgeInterfaces([eth0, docker, lo]).map(({ text }) => text)).toEqual([
      "eth0 192.0.2.7 is used",
      "docker0 172.17.0.1 is not used: virtual",
    ]);
    expect(judgeInterfaces([docker])[0]?.state).toBe("problem");
    const [failing] = judgeInterfaces([{ ...eth0, used: false, reason: "ENODEV" }]);
    expect(failing).toMatchObject({ state: "warning", text: "eth0 192.0.2.7 does not work: ENODEV" });
  });

  it("makes names of interfaces safe", () => {
    const [judged] = judgeInterfaces([
      { name: "e\x1b[2J", address: "192.0.2.7", chosen: true, used: true, reason: null },
    ]);
    expect(judged?.text).not.toContain("\x1b");
  });

  it("says what came of a question to the group", () => {
    expect(judgeEcho("eth0", 4, { is: "heard" }).state).toBe("ok");
    expect(judgeEcho("eth0", 4, { is: "silence" }).state).toBe("problem");
    expect(judgeEcho("eth0", 6, { is: "refused", code: "EADDRINUSE" }).text).toContain("does not share it");
    expect(judgeEcho("eth0", 6, { is: "refused", code: "ENODEV" }).text).toContain("ENODEV");
  });
});

describe("A question that nobody can answer", () => {
  it("is one question of the domain name system (RFC 1035 section 4.1)", () => {
    expect(question("ab12").toString("latin1")).toBe(
      "\0\0\0\0\0\x01\0\0\0\0\0\0\x04ab12\x07lanxfer\x05local\0\0\x01\0\x01",
    );
  });
});

describe("The tables of the kernel", () => {
  const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 100 0 0 10 0
   1: 00000000:647E 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 101 1 0 100 0 0 10 0
   2: 0100007F:647E 0100007F:A000 01 00000000:00000000 00:00000000 00000000  1000        0 102 1 0 100 0 0 10 0
`;
  it("tell who listens at a port", () => expect(rowsOf(TCP, 25_726, true)).toEqual([{ uid: 1000, inode: "101" }]));
  it("tell who is bound to one", () => expect(rowsOf(TCP, 25_726, false)).toHaveLength(2));
  it("are read when they are empty", () => expect(rowsOf("", 1, true)).toEqual([]));
});

describe("A unit", () => {
  it.each([
    ["ExecStart=/usr/bin/node /usr/lib/lanxfer/main.js --flag", ["/usr/bin/node", "/usr/lib/lanxfer/main.js"]],
    ['ExecStart="/home/a b/node" "/home/a b/%%h/main.js"', ["/home/a b/node", "/home/a b/%h/main.js"]],
    ["ExecStart=-/opt/node", ["/opt/node"]],
    ["[Unit]", []],
  ])("names the programs that it starts: %s", (unit, programs) => expect(programsOf(unit)).toEqual(programs));
});
