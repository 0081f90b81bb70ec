import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { transferState } from "../../../src/control/schema.ts";
import { advance, rateOf, startProgress, timeLeft } from "../../../src/core/progress.ts";
import { safe } from "../../../src/core/text.ts";
import { readArguments } from "../../../src/ctl/arguments.ts";
import { COMMANDS } from "../../../src/ctl/program.ts";
import { statusLine } from "../../../src/ctl/render/progress.ts";
import { fullMeasure } from "../../../src/ctl/render/width.ts";
import { item, transfer } from "../../unit/ctl/support/views.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.constantFrom(
    "-",
    "--",
    "--json",
    "-v",
    "--help",
    "help",
    "peers",
    "config",
    "list",
    "--ttl",
    "--ttl=",
    "__proto__",
  ),
);

describe("any command line", () => {
  it("is read or not, but never half", () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 8 }), (argv) => {
        const line = readArguments(argv, COMMANDS);
        if (line === undefined) return;
        const { command, raw } = line;
        // Every word on the line is a word of the command, an argument, an option or its value.
        const end = argv.indexOf("--");
        const plain = argv.filter((word, at) => (end >= 0 && at > end) || word === "-" || !word.startsWith("-"));
        const values = Object.values(raw.options).filter((value) => typeof value === "string" && plain.includes(value));
        expect(command.words.length + raw.positionals.length + values.length).toBe(plain.length);
      }),
      { numRuns: 5_000 },
    );
  });

  it("keeps what follows -- as it is", () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (paths) => {
        const line = readArguments(["send", "alice", "--", ...paths], COMMANDS);
        expect(line?.raw.positionals).toEqual(["alice", ...paths]);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("any status line", () => {
  it("fits the terminal and is one line that acts on nothing", async () => {
    const measure = await fullMeasure();
    const step = fc.record({
      state: fc.constantFrom(...transferState.options),
      bytes: fc.nat({ max: 1e13 }),
      moved: fc.nat({ max: 1e13 }),
      wait: fc.nat({ max: 20_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 3 }),
        text,
        fc.array(step, { minLength: 1 }),
        fc.nat(120),
        (names, peer, steps, columns) => {
          const base = { items: names.map((name) => item(name)), peer: { id: "p", name: peer } };
          let at = 0;
          let progress = startProgress(transfer(base), at);
          for (const { wait, ...change } of steps) {
            at += wait;
            progress = advance(progress, transfer({ ...base, ...change }), at);
            const line = statusLine(progress, at, columns, measure);
            expect(measure(line)).toBeLessThanOrEqual(columns);
            expect(line).toBe(safe(line));
            expect(rateOf(progress, at) ?? 0).toBeGreaterThanOrEqual(0);
            expect(timeLeft(progress, at) ?? 0).toBeGreaterThanOrEqual(0);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
