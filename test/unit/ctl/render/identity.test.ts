import { describe, expect, it } from "vitest";
import { LanxferError, toView } from "../../../../src/core/errors.ts";
import { identityWarning } from "../../../../src/ctl/render/identity.ts";

const DETAILS = {
  peer: "alice",
  expected: `mrsmfzbc${"a".repeat(44)}`,
  got: `q3kd7w2e${"b".repeat(43)}a`,
  pairedAt: new Date(2026, 4, 1, 14, 3).toISOString(),
};
const warning = (details: Record<string, string>, verbose = false) =>
  identityWarning(toView(new LanxferError("E_IDENTITY", details)), verbose);

describe("The warning of another key", () => {
  it("names the device, both keys, when it was paired, what it can mean and what to do", () => {
    expect(warning(DETAILS)).toEqual([
      "it is not alice that answers: nothing was sent",
      "  paired    mrsmfzbc",
      "  on        2026-05-01 14:03",
      "  answers   q3kd7w2e",
      "either it was set up anew, or somebody poses as it",
      "ask whoever looks after it; only if it was set up anew, run",
      '"lanxferctl unpair mrsmfzbc" and pair again',
    ]);
  });

  it("says which paired device it is that answered, and then does not advise to unpair", () => {
    expect(warning({ ...DETAILS, gotName: "bob" }).slice(3)).toEqual([
      "  answers   q3kd7w2e",
      "  known as  bob",
      "either bob has the address of alice now, or poses as alice",
    ]);
  });

  it("has whole ids to compare when more was asked for", () => {
    const lines = warning(DETAILS, true);
    expect(lines[1]).toBe(`  paired    mrsm-fzbc${"-aaaa".repeat(11)}`);
    expect(lines[3]).toBe(`  answers   q3kd-7w2e${"-bbbb".repeat(10)}-bbba`);
    expect(lines.at(-1)).toContain("unpair mrsmfzbc");
  });

  it("fits 80 columns, with what stands before each line", () => {
    for (const line of warning(DETAILS)) expect(`lanxferctl: warning: ${line}`.length).toBeLessThanOrEqual(80);
  });

  it("makes names safe", () => {
    const hostile = "a\x1b[2J\nb";
    const lines = warning({ ...DETAILS, peer: hostile, gotName: hostile });
    expect(lines.join("")).toMatch(/^[\x20-\x7e]+$/);
  });

  it("is not made of other errors, nor where no device was paired", () => {
    expect(identityWarning(toView(new LanxferError("E_UNREACHABLE", DETAILS)), false)).toEqual([]);
    const { pairedAt: _, ...unpaired } = DETAILS;
    expect(warning(unpaired)).toEqual([]);
    expect(warning({})).toEqual([]);
  });
});
