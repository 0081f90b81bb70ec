import { describe, expect, it } from "vitest";
import { type Notice, notifyCommand, showNotice } from "../../../src/daemon/host/notify.ts";
import { LogLines } from "../../support/log-lines.ts";
import { eventually } from "../../support/process.ts";

const notice: Notice = { title: "a title", body: "a body" };
const linux = (env: Record<string, string>) => ({ platform: "linux", env });

describe("A notification", () => {
  it.each(["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"])("is shown where there is %s", (name) => {
    expect(notifyCommand(linux({ [name]: "x" }), notice)).toEqual([
      "notify-send",
      "--app-name=lanxfer",
      "--",
      "a title",
      "a body",
    ]);
  });

  it("is not shown where there is no desktop", () => {
    expect(notifyCommand(linux({}), notice)).toBeUndefined();
    expect(notifyCommand(linux({ DISPLAY: "" }), notice)).toBeUndefined();
  });

  it("has no markup but what was meant as text, and no escapes of notify-send", () => {
    const body = `<b>&amp;</b> \\074b\\076 \\n -x "'$(id)`;
    expect(notifyCommand(linux({ DISPLAY: ":0" }), { title: "t", body })?.at(-1)).toBe(
      `&lt;b&gt;&amp;amp;&lt;/b&gt; \\\\074b\\\\076 \\\\n -x "'$(id)`,
    );
  });

  it("is an argument of a fixed script on macOS, never part of it", () => {
    const script = (body: string) => notifyCommand({ platform: "darwin", env: {} }, { title: "t", body })?.slice(0, -1);
    expect(script(`" & (do shell script "id") & "`)).toEqual(script("harmless"));
    expect(script("x")?.slice(-2)).toEqual(["end run", "t"]);
  });

  it("that cannot be shown is no fault, whatever the reason", async () => {
    const log = new LogLines();
    const nowhere = { DISPLAY: ":0", PATH: "/nonexistent" };
    showNotice(linux(nowhere), log, notice);
    showNotice(linux(nowhere), log, { ...notice, body: "x".repeat(4_000_000) }); // more than an argument can be
    showNotice(linux(nowhere), log, { ...notice, body: "a\0b" });
    await eventually("all have failed", () => log.lines.length === 3 || undefined);
    expect(log.lines.every(({ level }) => level === "debug")).toBe(true);
  });
});
